/* SPDX-License-Identifier: MIT */
#include "base/ecn.h"

#include <stddef.h>
#include <string.h>

#include "base/checksum.h"

/* The first word of an IPv4 header has the field in its second byte. The sum without the old word
 * and with the new one (RFC 1624, equation 3).
 */
static void set_v4(uint8_t *packet, uint8_t ecn)
{
	uint16_t before, after, checksum;

	memcpy(&before, packet, sizeof before);
	packet[1] = (uint8_t)((packet[1] & ~ECN_CE) | ecn);
	memcpy(&after, packet, sizeof after);
	memcpy(&checksum, packet + offsetof(struct iphdr, check), sizeof checksum);
	checksum =
		(uint16_t)~checksum_fold((uint64_t)(uint16_t)~checksum + (uint16_t)~before + after);
	memcpy(packet + offsetof(struct iphdr, check), &checksum, sizeof checksum);
}

void ecn_set(uint8_t *packet, uint8_t ecn)
{
	if (ip_is_v4(packet))
		set_v4(packet, ecn);
	else
		packet[1] = (uint8_t)((packet[1] & ~(ECN_CE << 4)) | ecn << 4);
}

struct ecn_outcome ecn_decapsulate(uint8_t inner, uint8_t outer)
{
	/* By the inner field, then the outer one. */
	static const struct ecn_outcome table[4][4] = {
		[ECN_NOT_ECT] = {[ECN_NOT_ECT] = {ECN_NOT_ECT, false, false},
	                         [ECN_ECT_0] = {ECN_NOT_ECT, false, true},
	                         [ECN_ECT_1] = {ECN_NOT_ECT, false, true},
	                         [ECN_CE] = {ECN_NOT_ECT, true, true}},
		[ECN_ECT_0] = {[ECN_NOT_ECT] = {ECN_ECT_0, false, false},
	                       [ECN_ECT_0] = {ECN_ECT_0, false, false},
	                       [ECN_ECT_1] = {ECN_ECT_1, false, false},
	                       [ECN_CE] = {ECN_CE, false, false}},
		[ECN_ECT_1] = {[ECN_NOT_ECT] = {ECN_ECT_1, false, false},
	                       [ECN_ECT_0] = {ECN_ECT_1, false, true},
	                       [ECN_ECT_1] = {ECN_ECT_1, false, false},
	                       [ECN_CE] = {ECN_CE, false, false}},
		[ECN_CE] = {[ECN_NOT_ECT] = {ECN_CE, false, false},
	                    [ECN_ECT_0] = {ECN_CE, false, false},
	                    [ECN_ECT_1] = {ECN_CE, false, true},
	                    [ECN_CE] = {ECN_CE, false, false}},
	};

	return table[inner & ECN_CE][outer & ECN_CE];
}
