/* SPDX-License-Identifier: MIT */
#include "dataplane/inner_flow.h"

#include <netinet/tcp.h>

#include "base/bytes.h"
#include "base/ip.h"

#define PORTS_BYTES    4u
#define TCP_HEADER_MIN 20u
#define EXTENSIONS_MAX 8u /* more in a row hide what is behind */

#define FRAGMENT_OFFSET4 0x1fffu /* of the lower 16 bits of the word */
#define FRAGMENT_OFFSET6 0xfff8u
#define FRAGMENT_BYTES   8u

/* Where the header behind IP's begins, and what it is. */
struct transport {
	size_t at; /* 0: no such header, or only a part of the packet */
	size_t end;
	uint8_t protocol;
};

/* The finalizer of MurmurHash3, over words: not against an enemy, who gains nothing by a collision
 * but that two flows count as one.
 */
static uint32_t mix(uint32_t h, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 4 <= len; i += 4) {
		h ^= load_le32(bytes + i);
		h ^= h >> 16;
		h *= 0x85ebca6bu;
		h ^= h >> 13;
		h *= 0xc2b2ae35u;
		h ^= h >> 16;
	}
	return h;
}

static struct transport look_v4(const uint8_t *packet, size_t len, struct traffic_facts *f)
{
	struct transport t = {.end = len, .protocol = packet[9]};
	size_t header = (packet[0] & 0xfu) * 4u;

	f->dscp = packet[1] >> 2;
	f->source = packet + 12;
	f->destination = packet + 16;
	f->flow = mix(0, f->source, 8);
	if (header >= 20 && header < len && !(load_be16(packet + 6) & FRAGMENT_OFFSET4))
		t.at = header;
	return t;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

static struct transport look_v6(const uint8_t *packet, size_t len, struct traffic_facts *f)
{
	struct transport t = {.at = 40, .end = len, .protocol = packet[6]};

	f->dscp = (uint8_t)(load_be16(packet) >> 6 & 0x3f);
	f->is_v6 = true;
	f->source = packet + 8;
	f->destination = packet + 24;
	f->flow = mix(0, f->source, 32);
	for (unsigned i = 0; i < EXTENSIONS_MAX && is_extension(t.protocol); i++) {
		const uint8_t *header = packet + t.at;
		bool is_fragment = t.protocol == IPPROTO_FRAGMENT;

		if (t.at + FRAGMENT_BYTES > len)
			break;
		t.protocol = header[0];
		if (is_fragment && load_be16(header + 2) & FRAGMENT_OFFSET6) {
			t.at = 0;
			return t;
		}
		t.at += is_fragment ? FRAGMENT_BYTES : (header[1] + 1u) * 8u;
	}
	if (t.at >= len || is_extension(t.protocol))
		t.at = 0;
	return t;
}

/* A SYN, or nothing but an acknowledgement. What ends a connection must not overtake its data. */
static bool is_tcp_control(const uint8_t *header, size_t len)
{
	size_t header_len = (header[TCP_DATA_OFFSET] >> 4) * 4u;
	uint8_t flags = header[TCP_FLAGS];

	if (flags & (TH_FIN | TH_RST))
		return false;
	return flags & TH_SYN || header_len >= len;
}

bool inner_flow_facts(const uint8_t *packet, size_t len, struct traffic_facts *ret)
{
	struct transport t;

	if (!ip_packet_len(packet, len))
		return false;
	*ret = (struct traffic_facts){.bytes = (uint32_t)len, .packet_bytes = (uint32_t)len};
	t = ip_is_v4(packet) ? look_v4(packet, len, ret) : look_v6(packet, len, ret);
	ret->protocol = t.protocol;
	ret->flow ^= t.protocol;
	if (!t.at || t.at + PORTS_BYTES > len)
		return true;
	if (t.protocol == IPPROTO_TCP || t.protocol == IPPROTO_UDP) {
		ret->source_port = load_be16(packet + t.at);
		ret->destination_port = load_be16(packet + t.at + 2);
		ret->flow = mix(ret->flow, packet + t.at, PORTS_BYTES);
	}
	if (t.protocol == IPPROTO_TCP && t.at + TCP_HEADER_MIN <= len)
		ret->is_tcp_control = is_tcp_control(packet + t.at, len - t.at);
	return true;
}
