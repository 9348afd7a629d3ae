/* SPDX-License-Identifier: MIT */
#include "strangers_rig.h"

void take_of_stranger(struct strangers *s, struct messages *m, const struct route *route,
                      const void *msg, size_t len, uint64_t now_ns)
{
	struct noise_initiation opened;
	struct visitor visitor = {.opened = &opened};
	struct message_cookie_reply reply;
	enum stranger_verdict verdict =
		strangers_take(s, route, msg, len, now_ns, &visitor, &reply);

	if (verdict == STRANGER_PASSES) {
		messages_take(m, &visitor, now_ns);
		return;
	}
	if (verdict == STRANGER_ASKED)
		m->fx->send_handshake(m->fx, route, &reply, sizeof reply);
	m->fx->count_drop(m->fx, strangers_drop_reason(verdict));
}
