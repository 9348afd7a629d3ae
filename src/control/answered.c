/* SPDX-License-Identifier: MIT */
#include "control/answered.h"

#include <string.h>

#include "base/bytes.h"

#define STALE_S 10

bool answered_is_newer(const struct answered *a, const uint8_t timestamp[static TAI64N_LEN],
                       uint64_t now_ns)
{
	return memcmp(timestamp, a->timestamp, TAI64N_LEN) > 0 &&
	       (!a->accepted_ns || now_ns >= a->accepted_ns + INITIATIONS_PER_PEER_NS);
}

void answered_accept(struct answered *a, const uint8_t timestamp[static TAI64N_LEN],
                     uint64_t now_ns)
{
	memcpy(a->timestamp, timestamp, TAI64N_LEN);
	a->accepted_ns = now_ns;
	a->stale = 0;
}

bool answered_refuse(struct answered *a, const uint8_t timestamp[static TAI64N_LEN])
{
	int64_t by_s = (int64_t)(load_be64(a->timestamp) - load_be64(timestamp));

	if (by_s < STALE_S)
		return false;
	a->stale++;
	a->stale_by_s = by_s;
	return true;
}

void answered_remember(struct answered *a, const struct message_initiation *msg,
                       const struct message_response *response, uint64_t now_ns)
{
	memcpy(a->initiation, msg, sizeof a->initiation);
	a->response = *response;
	a->until_ns = now_ns + ANSWERED_NS;
	a->copies = 0;
}

void answered_forget(struct answered *a)
{
	a->until_ns = 0;
}

const struct message_response *answered_copy(struct answered *a,
                                             const struct message_initiation *msg, uint64_t now_ns)
{
	if (now_ns >= a->until_ns || a->copies >= ANSWERED_COPIES_MAX ||
	    memcmp(a->initiation, msg, sizeof a->initiation))
		return NULL;
	a->copies++;
	return &a->response;
}
