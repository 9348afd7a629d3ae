/* SPDX-License-Identifier: MIT */
#include "control/answered.h"

#include <string.h>

void answered_remember(struct answered *a, const struct message_initiation *msg,
                       const struct message_response *response, uint64_t now_ns)
{
	memcpy(a->initiation, msg, sizeof a->initiation);
	a->response = *response;
	a->until_ns = now_ns + ANSWERED_NS;
	a->copies = 0;
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
