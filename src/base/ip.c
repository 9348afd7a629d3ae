/* SPDX-License-Identifier: MIT */
#include "base/ip.h"

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
