/* SPDX-License-Identifier: MIT */
/* What a list of changes does as a whole; what its operations do is in test_changes_links.c and
 * test_changes_peers.c.
 */
#include "control/changes.h"

#include <limits.h>

#include "base/key_text.h"
#include "changes_rig.h"

/* ---- no memory ---- */

/* So often this thread gets some more; the others always do. */
static _Thread_local unsigned memory_left = UINT_MAX;

static bool has_memory(void)
{
	if (memory_left == UINT_MAX)
		return true;
	memory_left -= memory_left > 0;
	return memory_left > 0;
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_reallocarray(void *at, size_t count, size_t bytes);
void *__wrap_reallocarray(void *at, size_t count, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	return !has_memory() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return !has_memory() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_reallocarray(void *at, size_t count, size_t bytes)
{
	return !has_memory() ? NULL : __real_reallocarray(at, count, bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	return !has_memory() ? NULL : __real_aligned_alloc(align, bytes);
}

TestSuite(changes, .init = changes_rig_start, .fini = changes_rig_stop, .timeout = 60);

Test(changes, start_is_a_list_from_nothing)
{
	cr_expect(eq(uint, control.uplinks.in_use, 1));
	cr_expect(eq(sz, control.peers.count, 1));
	cr_expect(eq(ptr, owner_of(1), peer_called("a")->dp));
	cr_expect(eq(uint, paths_over(peer_called("a"), "dsl"), 1));
	cr_expect(hears_initiation());
}

/* Status and rates go through the peers turn by turn. */
Test(changes, walks_begin_anew_when_the_peers_are_others)
{
	char peers[512];

	snprintf(peers, sizeof peers, "%s, %s", at_far, B);
	cr_assert(eq(int, lead_to(DSL, peers), 0));
	walk_begin(&control.sampling, control.peers.count, control.loop.now_ns);
	const struct gather_from from = control_gather_from(&control);
	gather_begin(&control.gathering, &from, control.loop.now_ns);
	cr_assert(walk_is_under_way(&control.gathering.walk));
	cr_assert(eq(int, lead_to(DSL, B), 0));
	cr_expect(eq(sz, control.sampling.count, 1));
	cr_expect(eq(sz, control.gathering.walk.count, 1));
	cr_expect(walk_is_under_way(&control.gathering.walk));
}

/* ---- all or nothing ---- */

/* What runs before a list that is not followed. */
static struct {
	const struct desired *running;
	const struct allowedips *allowedips;
	const struct peer *a;
	struct link *dsl;
} before;

static void remember(void)
{
	before.running = control.changes.running;
	before.allowedips = rcu_dereference(control.engine->tables.allowedips);
	before.a = peer_called("a");
	before.dsl = uplinks_find(&control.uplinks, "dsl")->pair[0].link;
}

static void expect_as_before(void)
{
	cr_expect(eq(ptr, control.changes.running, (void *)before.running));
	cr_expect(eq(ptr, rcu_dereference(control.engine->tables.allowedips),
	             (void *)before.allowedips));
	cr_assert(eq(sz, control.peers.count, 1));
	cr_expect(eq(ptr, peer_called("a"), (void *)before.a));
	cr_expect(eq(ptr, owner_of(1), before.a->dp));
	cr_expect(eq(uint, control.uplinks.in_use, 1));
	cr_expect(before.dsl->is_open && before.dsl->thread.running);
	cr_expect(eq(uint, paths_over(before.a, "dsl"), 1));
	cr_expect(eq(int, before.a->set.mode, BONDING_AGGREGATE));
	cr_expect(eq(u64, before.a->set.persistent_keepalive_ns, 0));
	cr_expect(eq(sz, before.a->set.allowed_ips.count, 1));
	cr_expect(not(before.a->set.has_coming));
	cr_expect(eq(uint, before.a->endpoints.count, 1));
	cr_expect(eq(uint, before.a->remote->preshared_key[0], 0));
	cr_expect(eq(ptr, control.changes.arriving, NULL));
	cr_expect(eq(ptr, control.changes.leaving, NULL));
	cr_expect(eq(ptr, control.changes.allowedips, NULL));
}

Test(changes, what_needs_a_restart_is_refused_as_a_whole)
{
	struct desired *wanted = desired_of(LTE, B);

	remember();
	wanted->mtu = 1280;
	wanted->workers = 7;
	cr_expect(eq(int, changes_apply(&control.changes, wanted, why), -ENOTSUP));
	cr_expect(eq(str, why,
	             (char *)"network.mtu: from 1420 to 1280; needs a restart\n"
	                     "dataplane.workers: from auto to 7; needs a restart"));
	expect_as_before();
}

Test(changes, end_needs_no_memory)
{
	struct link *dsl = uplinks_find(&control.uplinks, "dsl")->pair[0].link;

	memory_left = 0;
	changes_end(&control.changes);
	memory_left = UINT_MAX;
	cr_expect(eq(sz, control.peers.count, 0));
	cr_expect(eq(uint, control.uplinks.in_use, 0));
	cr_expect(not(dsl->is_open));
	cr_expect(eq(ptr, owner_of(1), NULL));
	changes_end(&control.changes); /* nothing more to end */
}

/* For peer a some of each kind, and two peers more. */
static const char everything[] =
	"{name: z, public_key: \"" KEY_A "\", allowed_ips: [10.0.0.7/32], persistent_keepalive: 7, "
	"preshared_key: \"" SECRET_KEY "\", bonding_mode: failover, "
	"endpoints: [\"127.0.0.9:9\", \"127.0.0.9:10\"]}," B "," C;

/* Whatever it is that cannot be had: nothing of the wanted state is left. */
Test(changes, without_memory_all_stays_as_it_was)
{
	unsigned failures = 0;

	remember();
	for (;; failures++) {
		struct desired *wanted = desired_of(LTE, everything);
		int r;

		memory_left = failures + 1;
		r = changes_apply(&control.changes, wanted, why);
		memory_left = UINT_MAX;
		if (!r)
			break;
		cr_assert(eq(int, r, -ENOMEM));
		cr_expect(eq(str, why, (char *)"Cannot allocate memory"));
		expect_as_before();
	}
	cr_expect(ge(uint, failures, 10), "two peers alone need more");
	cr_expect(eq(sz, control.peers.count, 3));
	cr_expect(eq(ptr, owner_of(1), NULL));
	cr_expect(eq(ptr, owner_of(7), before.a->dp));
	cr_expect(eq(ptr, owner_of(2), peer_called("b")->dp));
	cr_expect(eq(ptr, owner_of(3), peer_called("c")->dp));
	cr_expect(ne(ptr, uplinks_find(&control.uplinks, "lte"), NULL));
}

/* ---- questions under way ---- */

#define MANY 24u

/* Peer a and so many others that the list of peers moves when they come. */
static void write_many(char *out, size_t len)
{
	int at = snprintf(out, len, "%s", at_far);

	for (unsigned i = 0; i < MANY; i++) {
		uint8_t key[KEY_LEN];
		char text[KEY_TEXT_LEN];

		memset(key, 0x40 + (int)i, sizeof key);
		key_to_base64(text, key);
		at += snprintf(out + at, len - (size_t)at,
		               ", {name: p%u, public_key: \"%s\", allowed_ips: [10.1.0.%u/32]}", i,
		               text, i);
	}
}

/* Room for the peers that would have come is made before all of it is there. */
Test(changes, question_goes_on_when_a_list_is_not_followed)
{
	static char peers[8192];
	unsigned failures = 0;
	int r;

	write_many(peers, sizeof peers);
	do {
		const struct gather_from from = control_gather_from(&control);
		struct desired *wanted = desired_of(DSL, peers);

		gather_begin(&control.gathering, &from, control.loop.now_ns);
		cr_assert(walk_is_under_way(&control.gathering.walk));
		memory_left = ++failures;
		r = changes_apply(&control.changes, wanted, why);
		memory_left = UINT_MAX;
		cr_assert(eq(ptr, (void *)control.gathering.from.peers, (void *)control.peers.at),
		          "the question reads a list of peers that was freed, after failure %u",
		          failures);
		gather_stop(&control.gathering);
	} while (r);
}
