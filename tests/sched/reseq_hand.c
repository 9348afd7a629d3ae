/* SPDX-License-Identifier: MIT */
#include "reseq_hand.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct reseq reseq;
char out[4096];
uint64_t second;

static void say(uint64_t seq)
{
	size_t len = strlen(out);

	if (second && seq >= second)
		snprintf(out + len, sizeof out - len, "'%" PRIu64 " ", seq - second);
	else
		snprintf(out + len, sizeof out - len, "%" PRIu64 " ", seq);
}

void run_at(uint64_t now_ns)
{
	uint64_t due_ns;
	uint16_t ticket;

	while (reseq_take(&reseq, now_ns, &ticket))
		say(ticket);
	due_ns = reseq_deadline_ns(&reseq, now_ns);
	cr_assert(lt(u64, now_ns, due_ns));
	cr_assert(eq(int, due_ns == NEVER_NS, reseq.held == 0));
}

void put_at(uint64_t seq, unsigned path, uint64_t now_ns)
{
	enum reseq_verdict verdict;
	uint16_t ticket;

	while ((verdict = reseq_arrived(&reseq, seq, path, now_ns)) == RESEQ_FULL) {
		cr_assert(reseq_take_any(&reseq, now_ns, &ticket));
		say(ticket);
	}
	if (verdict == RESEQ_DELIVER)
		say(seq);
	else
		reseq_hold(&reseq, seq, path, (uint16_t)seq, now_ns);
	run_at(now_ns);
}

uint64_t stream(uint64_t seq, uint64_t from_ns, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++)
		put_at(seq + i, A, from_ns + i * NS_PER_MS);
	return seq + ms;
}
