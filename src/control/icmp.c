/* SPDX-License-Identifier: MIT */
#include "control/icmp.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>

#define SAYS "an ICMP error says: "

#define HEADER_LEN 8u /* of ICMP */

static const char no_network[] = SAYS "network unreachable", no_host[] = SAYS "host unreachable",
		  no_port[] = SAYS "port unreachable (nobody listens there)",
		  prohibited[] = SAYS "prohibited by a filter",
		  loop[] = SAYS "time exceeded (routers send it in a circle)";

/* NULL: it says nothing of that kind. */
static const char *why4(uint8_t type, uint8_t code)
{
	static const char *const unreachable[] = {
		[ICMP_NET_UNREACH] = no_network,    [ICMP_HOST_UNREACH] = no_host,
		[ICMP_PORT_UNREACH] = no_port,      [ICMP_SR_FAILED] = no_host,
		[ICMP_NET_UNKNOWN] = no_network,    [ICMP_HOST_UNKNOWN] = no_host,
		[ICMP_HOST_ISOLATED] = no_host,     [ICMP_NET_ANO] = prohibited,
		[ICMP_HOST_ANO] = prohibited,       [ICMP_NET_UNR_TOS] = no_network,
		[ICMP_HOST_UNR_TOS] = no_host,      [ICMP_PKT_FILTERED] = prohibited,
		[ICMP_PREC_VIOLATION] = prohibited, [ICMP_PREC_CUTOFF] = prohibited,
	};

	if (type == ICMP_TIME_EXCEEDED)
		return code == ICMP_EXC_TTL ? loop : NULL;
	if (type != ICMP_DEST_UNREACH || code >= sizeof unreachable / sizeof unreachable[0])
		return NULL;
	return unreachable[code];
}

static const char *why6(uint8_t type, uint8_t code)
{
	if (type == ICMP6_TIME_EXCEEDED)
		return code == ICMP6_TIME_EXCEED_TRANSIT ? loop : NULL;
	if (type != ICMP6_DST_UNREACH)
		return NULL;
	switch (code) {
	case ICMP6_DST_UNREACH_NOROUTE:
		return no_network;
	case ICMP6_DST_UNREACH_NOPORT:
		return no_port;
	case ICMP6_DST_UNREACH_BEYONDSCOPE:
	case ICMP6_DST_UNREACH_ADDR:
		return no_host;
	default: /* by an administrator, a policy, a route */
		return prohibited;
	}
}

/* The bytes of the IPv4 header at @at; 0: there is none. */
static size_t header4_len(const uint8_t *at, size_t len)
{
	size_t header_len = len >= sizeof(struct iphdr) ? (at[0] & 0xfu) * 4u : 0;

	return header_len >= sizeof(struct iphdr) && header_len <= len && at[0] >> 4 == 4
	               ? header_len
	               : 0;
}

/* The datagram that it is about: of its first fragment, or there are no ports. */
static bool read_datagram4(const uint8_t *at, size_t len, struct icmp_error *ret)
{
	size_t header_len = header4_len(at, len);
	struct iphdr ip;
	struct udphdr udp;

	if (!header_len || len - header_len < sizeof udp)
		return false;
	memcpy(&ip, at, sizeof ip);
	memcpy(&udp, at + header_len, sizeof udp);
	if (ip.protocol != IPPROTO_UDP || ip.frag_off & htons(IP_OFFMASK))
		return false;
	ret->from.in4 = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = udp.source, .sin_addr.s_addr = ip.saddr};
	ret->to.in4 = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = udp.dest, .sin_addr.s_addr = ip.daddr};
	return true;
}

static bool read_datagram6(const uint8_t *at, size_t len, struct icmp_error *ret)
{
	struct ip6_hdr ip;
	struct udphdr udp;

	if (len < sizeof ip + sizeof udp || at[0] >> 4 != 6)
		return false;
	memcpy(&ip, at, sizeof ip);
	memcpy(&udp, at + sizeof ip, sizeof udp);
	if (ip.ip6_nxt != IPPROTO_UDP)
		return false;
	ret->from.in6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = udp.source, .sin6_addr = ip.ip6_src};
	ret->to.in6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = udp.dest, .sin6_addr = ip.ip6_dst};
	return true;
}

bool icmp_read(int family, const uint8_t *at, size_t len, struct icmp_error *ret)
{
	size_t skip = family == AF_INET ? header4_len(at, len) : 0;

	if ((family == AF_INET && !skip) || len - skip < HEADER_LEN)
		return false;
	*ret = (struct icmp_error){0};
	at += skip;
	len -= skip + HEADER_LEN;
	ret->why = family == AF_INET ? why4(at[0], at[1]) : why6(at[0], at[1]);
	if (!ret->why)
		return false;
	return family == AF_INET ? read_datagram4(at + HEADER_LEN, len, ret)
	                         : read_datagram6(at + HEADER_LEN, len, ret);
}
