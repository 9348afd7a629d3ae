/* SPDX-License-Identifier: MIT */
#include "dataplane/too_big.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/ip.h"

#define V4_LEN_MAX   576u /* RFC 1812 4.3.2.3 */
#define ICMP_LEN     8u
#define HOPS         64u
#define INTERNETWORK 0xc0u /* precedence of what routers say, RFC 1812 4.3.2.5 */

/* ---- who is not answered ---- */

static bool is_one_host4(const uint8_t *address)
{
	return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

static bool is_error4(const uint8_t *icmp)
{
	return icmp[0] == ICMP_DEST_UNREACH || icmp[0] == ICMP_SOURCE_QUENCH ||
	       icmp[0] == ICMP_REDIRECT || icmp[0] == ICMP_TIME_EXCEEDED ||
	       icmp[0] == ICMP_PARAMETERPROB;
}

static bool may_answer4(const uint8_t *packet, size_t len)
{
	size_t header = (packet[0] & 0xfu) * 4u;
	bool is_later_fragment = load_be16(packet + offsetof(struct iphdr, frag_off)) & IP_OFFMASK;

	if (!is_one_host4(packet + offsetof(struct iphdr, saddr)) ||
	    !is_one_host4(packet + offsetof(struct iphdr, daddr)) || is_later_fragment)
		return false;
	return packet[offsetof(struct iphdr, protocol)] != IPPROTO_ICMP || header >= len ||
	       !is_error4(packet + header);
}

static bool is_one_host6(const uint8_t *address)
{
	const struct in6_addr *in6 = (const void *)address;

	return !IN6_IS_ADDR_MULTICAST(in6) && !IN6_IS_ADDR_UNSPECIFIED(in6) &&
	       !IN6_IS_ADDR_LOOPBACK(in6);
}

static bool may_answer6(const uint8_t *packet, size_t len)
{
	size_t header = sizeof(struct ip6_hdr);

	if (!is_one_host6(packet + offsetof(struct ip6_hdr, ip6_src)) ||
	    !is_one_host6(packet + offsetof(struct ip6_hdr, ip6_dst)))
		return false;
	return packet[offsetof(struct ip6_hdr, ip6_nxt)] != IPPROTO_ICMPV6 || header >= len ||
	       packet[header] & ICMP6_INFOMSG_MASK;
}

/* ---- the answer ---- */

static void put_checksum(uint8_t *at, uint64_t sum)
{
	uint16_t checksum = (uint16_t)~checksum_fold(sum);

	memcpy(at, &checksum, sizeof checksum);
}

/* The packet as it would have been sent: a super-packet has the length of all. */
static size_t quote(uint8_t *dst, size_t size, const uint8_t *packet, size_t len, size_t packet_len)
{
	size_t bytes = len < packet_len ? len : packet_len;

	bytes = bytes < size ? bytes : size;
	memcpy(dst, packet, bytes);
	ip_set_len(dst, packet_len, ip_is_v4(dst) ? (dst[0] & 0xfu) * 4u : 0);
	return bytes;
}

static size_t answer4(const uint8_t *packet, size_t len, size_t packet_len, uint32_t mtu,
                      uint8_t *answer)
{
	size_t head = sizeof(struct iphdr), total;
	uint8_t *icmp = answer + head;

	memset(answer, 0, head + ICMP_LEN);
	total = head + ICMP_LEN +
	        quote(icmp + ICMP_LEN, V4_LEN_MAX - head - ICMP_LEN, packet, len, packet_len);
	icmp[0] = ICMP_DEST_UNREACH;
	icmp[1] = ICMP_FRAG_NEEDED;
	store_be16(icmp + 6, (uint16_t)mtu);
	put_checksum(icmp + 2, checksum_add(0, icmp, total - head));
	answer[0] = IPVERSION << 4 | 5;
	answer[1] = INTERNETWORK;
	answer[offsetof(struct iphdr, ttl)] = HOPS;
	answer[offsetof(struct iphdr, protocol)] = IPPROTO_ICMP;
	memcpy(answer + offsetof(struct iphdr, saddr), packet + offsetof(struct iphdr, daddr), 4);
	memcpy(answer + offsetof(struct iphdr, daddr), packet + offsetof(struct iphdr, saddr), 4);
	ip_set_len(answer, total, head);
	return total;
}

static size_t answer6(const uint8_t *packet, size_t len, size_t packet_len, uint32_t mtu,
                      uint8_t *answer)
{
	size_t head = sizeof(struct ip6_hdr), total;
	uint8_t *icmp = answer + head;

	memset(answer, 0, head + ICMP_LEN);
	total = head + ICMP_LEN +
	        quote(icmp + ICMP_LEN, TOO_BIG_LEN_MAX - head - ICMP_LEN, packet, len, packet_len);
	icmp[0] = ICMP6_PACKET_TOO_BIG;
	store_be32(icmp + 4, mtu);
	answer[0] = 6 << 4;
	answer[offsetof(struct ip6_hdr, ip6_nxt)] = IPPROTO_ICMPV6;
	answer[offsetof(struct ip6_hdr, ip6_hlim)] = HOPS;
	memcpy(answer + offsetof(struct ip6_hdr, ip6_src),
	       packet + offsetof(struct ip6_hdr, ip6_dst), 16);
	memcpy(answer + offsetof(struct ip6_hdr, ip6_dst),
	       packet + offsetof(struct ip6_hdr, ip6_src), 16);
	ip_set_len(answer, total, 0);
	put_checksum(icmp + 2, checksum_add(checksum_pseudo(answer, IPPROTO_ICMPV6, total - head),
	                                    icmp, total - head));
	return total;
}

size_t too_big_answer(const uint8_t *packet, size_t len, size_t packet_len, uint32_t mtu,
                      uint8_t answer[static TOO_BIG_LEN_MAX])
{
	if (ip_is_v4(packet))
		return may_answer4(packet, len) ? answer4(packet, len, packet_len, mtu, answer) : 0;
	return may_answer6(packet, len) ? answer6(packet, len, packet_len, mtu, answer) : 0;
}
