/* SPDX-License-Identifier: MIT */
#include "dataplane/marks.h"

#include "base/ecn.h"

enum mark_outcome marks_carry(uint8_t *payload, size_t len, uint8_t outer)
{
	struct ecn_outcome outcome;
	uint8_t inner;

	if (!ip_packet_len(payload, len))
		return MARK_NO_PACKET;
	inner = ecn_of(payload);
	outcome = ecn_decapsulate(inner, outer);
	if (outcome.is_dropped)
		return MARK_UNTOLD;
	if (outcome.is_unexpected)
		return MARK_UNEXPECTED;
	if (outcome.ecn == inner)
		return MARK_NOTHING_NEW;
	ecn_set(payload, outcome.ecn);
	return outcome.ecn == ECN_CE ? MARK_CARRIED : MARK_NOTHING_NEW;
}
