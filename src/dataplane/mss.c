/* SPDX-License-Identifier: MIT */
#include "dataplane/mss.h"

#include <netinet/tcp.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"

#define MSS_OPTION_LEN 4u

/* Where the value of the option is in the TCP header of @len bytes; 0: there is none. */
static size_t find_mss(const uint8_t *tcp, size_t len)
{
	size_t at = sizeof(struct tcphdr);

	while (at < len && tcp[at] != TCPOPT_EOL) {
		if (tcp[at] == TCPOPT_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= len || tcp[at + 1] < 2 || at + tcp[at + 1] > len)
			return 0;
		if (tcp[at] == TCPOPT_MAXSEG)
			return tcp[at + 1] == MSS_OPTION_LEN ? at + 2 : 0;
		at += tcp[at + 1];
	}
	return 0;
}

/* RFC 1624: HC' = ~(~HC + ~m + m'). A value at an odd place has its bytes in two words. */
static void mend_checksum(uint8_t *tcp, size_t at, uint16_t before, uint16_t after)
{
	uint16_t old[2] = {0}, new[2] = {0}, checksum, bytes;
	uint8_t *field = tcp + offsetof(struct tcphdr, check);
	uint64_t sum;

	memcpy(&checksum, field, sizeof checksum);
	store_be16((uint8_t *)old + at % 2, before);
	store_be16((uint8_t *)new + at % 2, after);
	sum = (uint16_t)~checksum;
	for (unsigned i = 0; i < 2; i++) {
		bytes = (uint16_t)~old[i];
		sum += (uint64_t)bytes + new[i];
	}
	checksum = (uint16_t)~checksum_fold(sum);
	memcpy(field, &checksum, sizeof checksum);
}

void mss_clamp(uint8_t *packet, size_t len, uint32_t mtu, bool has_checksum)
{
	bool is_v4 = ip_is_v4(packet);
	size_t header = is_v4 ? (packet[0] & 0xfu) * 4u : sizeof(struct ip6_hdr);
	uint32_t most = mtu - (is_v4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr)) -
	                (uint32_t)sizeof(struct tcphdr);
	uint8_t *tcp = packet + header;
	size_t tcp_len, at;
	uint16_t before;

	if (is_v4 && load_be16(packet + offsetof(struct iphdr, frag_off)) & (IP_MF | IP_OFFMASK))
		return;
	if (header + sizeof(struct tcphdr) > len)
		return;
	tcp_len = (tcp[TCP_DATA_OFFSET] >> 4) * 4u;
	at = header + tcp_len <= len ? find_mss(tcp, tcp_len) : 0;
	if (!at || load_be16(tcp + at) <= most)
		return;
	before = load_be16(tcp + at);
	store_be16(tcp + at, (uint16_t)most);
	if (has_checksum)
		mend_checksum(tcp, at, before, (uint16_t)most);
}
