/* SPDX-License-Identifier: MIT */
#include "control/session.h"

/* Nothing is received under it any more. */
static void drop(struct keypair **kp, struct session_retired *ret)
{
	if (*kp)
		ret->kp[ret->len++] = *kp;
	*kp = NULL;
}

/* @kp is no session any more for who has the newer one; what is on its way under it still counts
 * for a while (keypair_is_fresh()).
 */
static void supersede(struct session *s, struct keypair *kp, uint64_t now_ns)
{
	s->previous = kp;
	if (kp)
		keypair_supersede(kp, now_ns);
}

static bool is_superseded(const struct keypair *kp)
{
	return atomic_load_explicit(&kp->superseded_ns, memory_order_relaxed);
}

static void add_as_initiator(struct session *s, struct keypair *kp, uint64_t now_ns,
                             struct session_retired *ret)
{
	drop(&s->previous, ret);
	s->has_crossed = s->next && s->next->accepts_lanes;
	if (s->next) {
		/* They crossed: the peer, which made them in the other order, sends under that one.
		 */
		s->previous = s->next;
		s->next = NULL;
		drop(&s->current, ret);
	} else {
		supersede(s, s->current, now_ns);
	}
	s->current = kp;
}

/* Where sessions crossed, `previous` is what the peer sends under until it has our response, if
 * that ever comes: whoever else has the peer's key can begin a session and not go on.
 */
static void add_as_responder(struct session *s, struct keypair *kp, struct session_retired *ret)
{
	if (s->previous && is_superseded(s->previous))
		drop(&s->previous, ret);
	drop(&s->next, ret);
	s->next = kp;
}

void session_add(struct session *s, struct keypair *kp, int64_t wall_s, uint64_t now_ns,
                 struct session_retired *ret)
{
	ret->len = 0;
	if (kp->is_initiator)
		add_as_initiator(s, kp, now_ns, ret);
	else
		add_as_responder(s, kp, ret);
	s->made_ns = now_ns;
	s->made_wall_s = wall_s;
	s->count++;
	s->is_renewal_asked = false;
}

bool session_confirm(struct session *s, uint64_t now_ns, struct session_retired *ret)
{
	ret->len = 0;
	if (!s->next || !atomic_load_explicit(&s->next->is_confirmed, memory_order_acquire))
		return false;
	drop(&s->previous, ret);
	supersede(s, s->current, now_ns);
	s->current = s->next;
	s->next = NULL;
	s->has_crossed = false;
	return true;
}

void session_leave(struct session *s, struct session_retired *ret)
{
	ret->len = 0;
	drop(&s->previous, ret);
	drop(&s->current, ret);
}

void session_end(struct session *s, struct session_retired *ret)
{
	session_leave(s, ret);
	drop(&s->next, ret);
}

bool session_is_newest(const struct session *s, const struct keypair *kp)
{
	return kp && (kp == s->current || kp == s->next || (kp == s->previous && s->has_crossed));
}

bool session_has_key(const struct session *s, uint32_t index)
{
	const struct keypair *const kp[] = {s->current, s->next, s->previous};

	for (unsigned i = 0; i < sizeof kp / sizeof *kp; i++) {
		if (kp[i] && kp[i]->local_index == index)
			return true;
	}
	return false;
}

bool session_maybe_bonded(const struct session *s)
{
	const struct keypair *kp = s->next ? s->next : s->current;

	return kp && kp->accepts_lanes;
}

bool session_is_alive(const struct session *s, uint64_t now_ns)
{
	return s->current && keypair_can_send(s->current, now_ns, LANE_ORDERED);
}

bool session_is_young(const struct session *s, uint64_t now_ns)
{
	const struct keypair *kp = s->current;

	return session_is_alive(s, now_ns) && (!kp->is_initiator || now_ns < kp->rekey_ns) &&
	       atomic_load(&kp->sent[LANE_ORDERED]) < REKEY_AFTER_MESSAGES &&
	       atomic_load(&kp->sent[LANE_UNORDERED]) < REKEY_AFTER_MESSAGES;
}
