/* SPDX-License-Identifier: MIT */
#include "sched/pmtu.h"

#include <string.h>

static bool set_limit(struct pmtu *p, unsigned limit)
{
	bool is_new = p->limit != limit;

	p->limit = (uint16_t)limit;
	return is_new;
}

static void search(struct pmtu *p)
{
	p->state = PMTU_SEARCHING;
	p->failed = p->size = 0;
	p->tried = 0;
	p->lost = 0;
}

void pmtu_begin(struct pmtu *p, unsigned wanted, uint64_t now_ns)
{
	uint16_t seq = p->next_seq;

	*p = (struct pmtu){.wanted = (uint16_t)wanted, .next_seq = seq};
	search(p);
	if (wanted > PMTU_LEAST)
		return;
	p->state = PMTU_FOUND;
	p->passed = (uint16_t)wanted;
	p->confirm_at_ns = p->raise_at_ns = NEVER_NS;
	p->confirmed_ns = now_ns;
}

/* ---- what is sent ---- */

static unsigned size_to_search(const struct pmtu *p)
{
	unsigned half;

	if (!p->failed)
		return p->wanted;
	if (!p->passed)
		return PMTU_LEAST;
	half = (p->failed - p->passed) / 2u / PMTU_STEP * PMTU_STEP;
	return p->passed + (half ? half : PMTU_STEP);
}

uint64_t pmtu_due_ns(const struct pmtu *p, bool is_busy)
{
	if (p->size)
		return p->overdue_ns;
	switch (p->state) {
	case PMTU_OFF:
		return NEVER_NS;
	case PMTU_SEARCHING:
		return 0;
	case PMTU_FOUND:
		break;
	}
	return is_busy && p->confirm_at_ns < p->raise_at_ns ? p->confirm_at_ns : p->raise_at_ns;
}

unsigned pmtu_next(struct pmtu *p, bool is_busy, uint64_t now_ns)
{
	if (p->size || pmtu_due_ns(p, is_busy) > now_ns)
		return 0;
	if (p->state == PMTU_FOUND && p->raise_at_ns <= now_ns)
		search(p);
	return p->state == PMTU_SEARCHING ? size_to_search(p) : p->passed;
}

void pmtu_sent(struct pmtu *p, unsigned size, uint64_t overdue_ns, uint64_t now_ns)
{
	if (p->tried != size) {
		p->tried = (uint16_t)size;
		p->first_seq = p->next_seq;
		p->lost = 0;
	}
	p->next_seq++;
	p->size = (uint16_t)size;
	p->sent_ns = now_ns;
	p->overdue_ns = now_ns + overdue_ns;
}

/* ---- what becomes of it ---- */

static bool settle(struct pmtu *p, uint64_t now_ns)
{
	bool is_below = !p->passed, is_complete = p->passed == p->wanted;

	p->state = PMTU_FOUND;
	p->tried = 0;
	p->confirmed_ns = now_ns;
	p->is_suspect = false;
	p->confirm_at_ns = is_below ? NEVER_NS : now_ns + PMTU_CONFIRM_NS;
	p->raise_at_ns = is_complete ? NEVER_NS : now_ns + PMTU_RAISE_NS;
	return set_limit(p, is_complete ? 0 : is_below ? PMTU_LEAST : p->passed);
}

static bool is_settled(const struct pmtu *p)
{
	return p->passed == p->wanted || (p->failed && p->failed <= PMTU_LEAST) ||
	       (p->failed && p->passed && p->failed - p->passed <= (int)PMTU_STEP);
}

static bool go_on(struct pmtu *p, uint64_t now_ns)
{
	p->tried = 0;
	p->lost = 0;
	return is_settled(p) && settle(p, now_ns);
}

/* What passed before is lost now: whatever else is long may be so too. */
static bool lose(struct pmtu *p)
{
	search(p);
	p->passed = 0;
	return set_limit(p, PMTU_LEAST);
}

static bool give_up(struct pmtu *p, unsigned size, uint64_t now_ns)
{
	if (p->state == PMTU_FOUND)
		return lose(p);
	p->failed = (uint16_t)size;
	return go_on(p, now_ns);
}

static bool pass(struct pmtu *p, uint64_t now_ns)
{
	if (p->state == PMTU_FOUND) {
		p->confirmed_ns = now_ns;
		p->confirm_at_ns = now_ns + PMTU_CONFIRM_NS;
		p->tried = 0;
		p->is_suspect = false;
		return false;
	}
	p->passed = p->tried;
	return go_on(p, now_ns);
}

/* Also one that came late, when another of its size was sent already. */
static bool is_of_row(const struct pmtu *p, uint16_t seq)
{
	return p->tried && (uint16_t)(seq - p->first_seq) < (uint16_t)(p->next_seq - p->first_seq);
}

bool pmtu_answered(struct pmtu *p, uint16_t seq, uint64_t now_ns)
{
	if (!is_of_row(p, seq))
		return false;
	p->size = 0;
	return pass(p, now_ns);
}

bool pmtu_refused(struct pmtu *p, uint16_t seq, uint64_t now_ns)
{
	unsigned size = p->size;

	if (!size || (uint16_t)(seq + 1) != p->next_seq)
		return false;
	p->size = 0;
	return give_up(p, size, now_ns);
}

bool pmtu_tick(struct pmtu *p, uint64_t heard_ns, uint64_t now_ns)
{
	unsigned size = p->size;
	bool is_doubted = p->state == PMTU_SEARCHING || p->is_suspect;
	unsigned tries = is_doubted ? PMTU_TRIES : PMTU_CONFIRM_TRIES;

	if (!size || now_ns < p->overdue_ns)
		return false;
	p->size = 0;
	if (p->state == PMTU_FOUND)
		p->confirm_at_ns = now_ns;
	if (heard_ns <= p->sent_ns)
		return false;
	return ++p->lost >= tries && give_up(p, size, now_ns);
}

/* ---- what may have changed ---- */

void pmtu_suspect(struct pmtu *p, uint64_t now_ns)
{
	if (p->state != PMTU_FOUND || p->confirm_at_ns == NEVER_NS || p->is_suspect ||
	    now_ns < p->confirmed_ns + PMTU_SUSPECT_NS)
		return;
	p->is_suspect = true;
	if (now_ns < p->confirm_at_ns)
		p->confirm_at_ns = now_ns;
}

void pmtu_look_again(struct pmtu *p, uint64_t now_ns)
{
	if (p->state != PMTU_FOUND)
		return;
	if (p->raise_at_ns != NEVER_NS)
		p->raise_at_ns = now_ns;
	else if (p->confirm_at_ns != NEVER_NS && p->confirm_at_ns > now_ns)
		p->confirm_at_ns = now_ns;
}

void pmtu_pause(struct pmtu *p)
{
	p->size = p->tried = 0;
	p->lost = 0;
}
