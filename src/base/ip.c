/* SPDX-License-Identifier: MIT */
#include "base/ip.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"

size_t ip_packet_len(const uint8_t *packet, size_t len)
{
	size_t claimed;

	if (len >= sizeof(struct iphdr) && ip_is_v4(packet)) {
		claimed = load_be16(packet + offsetof(struct iphdr, tot_len));
		return claimed >= sizeof(struct iphdr) && claimed <= len ? claimed : 0;
	}
	if (len >= sizeof(struct ip6_hdr) && packet[0] >> 4 == 6) {
		claimed = sizeof(struct ip6_hdr) +
		          load_be16(packet + offsetof(struct ip6_hdr, ip6_plen));
		return claimed <= len ? claimed : 0;
	}
	return 0;
}

bool ip_stays_on_link(const uint8_t *packet)
{
	const uint8_t *to;

	if (ip_is_v4(packet)) {
		uint32_t addr = load_be32(packet + offsetof(struct iphdr, daddr));

		return addr >> 8 == 0xe00000 || addr == INADDR_BROADCAST;
	}
	to = packet + offsetof(struct ip6_hdr, ip6_dst);
	if (to[0] == 0xff)
		return (to[1] & 0xf) == 1 || (to[1] & 0xf) == 2; /* the scope, whatever the flags */
	return to[0] == 0xfe && (to[1] & 0xc0) == 0x80;
}

void ip_set_len(uint8_t *packet, size_t len, size_t header_len)
{
	uint16_t checksum = 0;

	if (!ip_is_v4(packet)) {
		store_be16(packet + offsetof(struct ip6_hdr, ip6_plen),
		           (uint16_t)(len - sizeof(struct ip6_hdr)));
		return;
	}
	store_be16(packet + offsetof(struct iphdr, tot_len), (uint16_t)len);
	memcpy(packet + offsetof(struct iphdr, check), &checksum, sizeof checksum);
	checksum = (uint16_t)~checksum_fold(checksum_add(0, packet, header_len));
	memcpy(packet + offsetof(struct iphdr, check), &checksum, sizeof checksum);
}
