/* SPDX-License-Identifier: MIT */
/* A daemon that runs, with engine and threads, led from one configuration to another. */
#include "control/changes.h"
#include "control/gate.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>

#include "../config/desired_rig.h"
#include "dataplane/engine_private.h"
#include "dataplane/publish.h"
#include "peer_rig.h"

#define DSL "{name: dsl, bind: \"127.0.0.1:0\"}"
#define LTE "{name: lte, bind: \"127.0.0.1:0\"}"
#define A   "{name: a, public_key: \"" KEY_A "\", allowed_ips: [10.0.0.1/32]%s}"
#define B   "{name: b, public_key: \"" KEY_B "\", allowed_ips: [10.0.0.2/32]}"
#define C   "{name: c, public_key: \"" KEY_C "\", allowed_ips: [10.0.0.3/32]}"

static struct control control;
static int tun[2];
static struct endpoint far_at;
static int far;
static char at_far[256]; /* peer a, which is at @far over every link */

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

/* ---- the daemon ---- */

static struct peer *find_peer(void *arg, const uint8_t key[static KEY_LEN])
{
	(void)arg;
	return peers_find(&control.peers, key);
}

static unsigned sample_nobody(void *arg, size_t i, uint64_t now_ns)
{
	(void)arg, (void)i, (void)now_ns;
	return 1;
}

static const struct walk_calls sampling = {.step = sample_nobody};

static void gathered(void *arg, struct facts *facts)
{
	(void)arg;
	facts_free(facts);
}

static void make_engine(void)
{
	struct engine_settings set = {.mtu = 1420, .workers = 1, .cipher = CIPHER_SODIUM};

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, tun), 0));
	set.tun = (struct tun){.queues = 1, .fd = {tun[0]}};
	set.tun_cpu[0] = set.worker_cpu[0] = -1;
	cr_assert(eq(int, engine_create(&set, &control.engine), 0));
	control_make_effects(&control);
}

/* With one link, and peer a, who is looked for at @far. */
static void setup(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	far = rig_socket(&far_at);
	control.changes.running = NULL;
	cr_assert(eq(int, loop_init(&control.loop), 0));
	walk_init(&control.sampling, &control.loop.deadlines, &sampling, &control, 1);
	gather_init(&control.gathering, &control.loop.deadlines, gathered, NULL);
	make_engine();

	char text[ENDPOINT_TEXT_LEN], endpoints[64];

	snprintf(endpoints, sizeof endpoints, ", endpoints: [\"%s\"]",
	         endpoint_format(&far_at, text));
	snprintf(at_far, sizeof at_far, A, endpoints);
	control.changes.running = desired_of(DSL, at_far);
	control.identity = secret_alloc(sizeof *control.identity);
	noise_identity_init(control.identity, control.changes.running->private_key);
	messages_init(&control.messages, control.fx, find_peer, NULL);
	cr_assert(eq(int, gate_create(control.engine, control.identity, &control.gate), 0));
	cr_assert(eq(int, gate_start(control.gate), 0));
	control_make_links(&control);
	control_make_changes(&control);
	cr_assert(eq(int, changes_begin(&control.changes), 0));
	cr_assert(eq(int, links_open(&control.links, control.loop.now_ns), 0));
	cr_assert(eq(int, engine_start(control.engine), 0));
	for (size_t i = 0; i < control.peers.count; i++)
		peer_service(control.peers.at[i], control.loop.now_ns);
}

static void teardown(void)
{
	walk_stop(&control.sampling);
	gather_stop(&control.gathering);
	changes_end(&control.changes);
	gate_destroy(control.gate);
	engine_stop(control.engine);
	engine_destroy(control.engine);
	secret_free(control.identity);
	desired_free(control.changes.running);
	peers_fini(&control.peers);
	stamps_fini(&control.stamps);
	loop_fini(&control.loop);
	close(tun[0]);
	close(tun[1]);
	close(far);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(changes, .init = setup, .fini = teardown, .timeout = 60);

static char why[CHANGES_WHY_LEN];

static int lead_to(const char *links, const char *peers)
{
	return changes_apply(&control.changes, desired_of(links, peers), why);
}

static struct peer *peer_called(const char *name)
{
	for (size_t i = 0; i < control.peers.count; i++)
		if (!strcmp(control.peers.at[i]->name, name))
			return control.peers.at[i];
	return NULL;
}

/* Who gets packets to 10.0.0.@host. */
static struct dp_peer *owner_of(uint8_t host)
{
	const uint8_t address[4] = {10, 0, 0, host};
	const struct allowedips *table = rcu_dereference(control.engine->tables.allowedips);

	return table ? allowedips_lookup4(table, address) : NULL;
}

static bool hears_initiation(void)
{
	struct pollfd p = {.fd = far, .events = POLLIN};
	uint8_t message[2048];

	while (poll(&p, 1, 1000) == 1) {
		if (recv(far, message, sizeof message, 0) == sizeof(struct message_initiation) &&
		    message[0] == MESSAGE_INITIATION)
			return true;
	}
	return false;
}

static unsigned paths_over(const struct peer *peer, const char *link)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->paths.slot[i];

		count += path_is_used(path) && !strcmp(path->route.link->name, link);
	}
	return count;
}

/* ---- peers ---- */

Test(changes, start_is_a_list_from_nothing)
{
	cr_expect(eq(uint, control.uplinks.in_use, 1));
	cr_expect(eq(sz, control.peers.count, 1));
	cr_expect(eq(ptr, owner_of(1), peer_called("a")->dp));
	cr_expect(eq(uint, paths_over(peer_called("a"), "dsl"), 1));
	cr_expect(hears_initiation());
}

Test(changes, peer_that_comes_is_known_and_those_there_stay_as_they_are)
{
	struct peer *a = peer_called("a");
	char peers[512];

	snprintf(peers, sizeof peers, "%s, %s", B, at_far);
	cr_assert(eq(int, lead_to(DSL, peers), 0));
	cr_assert(eq(sz, control.peers.count, 2));
	cr_expect(eq(ptr, peer_called("a"), a));
	cr_expect(eq(ptr, owner_of(1), a->dp));
	cr_expect(eq(ptr, owner_of(2), peer_called("b")->dp));
	cr_expect(eq(ptr, find_peer(NULL, peer_called("b")->set.public_key), peer_called("b")));
	cr_expect(ne(u32, peer_called("b")->id, a->id), "answers of the resolver name it");
}

Test(changes, peer_that_goes_is_nobody_any_more)
{
	uint8_t key[KEY_LEN];
	struct dp_peer *dp = dp_peer_get(peer_called("a")->dp);

	memcpy(key, peer_called("a")->set.public_key, KEY_LEN);
	cr_assert(eq(int, lead_to(DSL, B), 0));
	cr_expect(eq(sz, control.peers.count, 1));
	cr_expect(eq(ptr, peer_called("a"), NULL));
	cr_expect(eq(ptr, find_peer(NULL, key), NULL));
	cr_expect(eq(ptr, owner_of(1), NULL));
	cr_expect(ne(ptr, owner_of(2), NULL));
	cr_expect(eq(ptr, control.changes.leaving, NULL));
	cr_expect(eq(ptr, dp->control, NULL));
	cr_expect(eq(ptr, rcu_dereference(dp->current), NULL));
	for (unsigned i = 0; i < PATHS_MAX; i++)
		cr_expect(eq(ptr, rcu_dereference(dp->path[i].target), NULL));
	/* The dispatcher drops what waited. */
	while (reference_count(&dp->references) > 1)
		rcu_quiescent_state();
	dp_peer_put(dp);
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

/* ---- links ---- */

Test(changes, link_that_comes_is_opened_and_used)
{
	struct uplink *lte;

	cr_assert(hears_initiation());
	control.loop.now_ns = clock_boot_ns() + INITIATION_COPY_NS;
	cr_assert(eq(int, lead_to(DSL "," LTE, at_far), 0));
	lte = uplinks_find(&control.uplinks, "lte");
	cr_assert(ne(ptr, lte, NULL));
	cr_expect(eq(int, lte->pair[0].state, UPLINK_UP));
	cr_expect(lte->pair[0].link->thread.running);
	cr_expect(eq(uint, control.uplinks.in_use, 2));
	cr_expect(eq(uint, paths_over(peer_called("a"), "dsl"), 1));
	cr_expect(eq(uint, paths_over(peer_called("a"), "lte"), 1));
	cr_expect(hears_initiation(), "the pending one, over it");
}

Test(changes, link_that_goes_takes_its_paths_along_and_frees_its_port)
{
	struct link_settings again = {.name = "again"};
	struct link *dsl = uplinks_find(&control.uplinks, "dsl")->pair[0].link;
	struct peer *a = peer_called("a");

	cr_assert(eq(uint, paths_over(a, "dsl"), 1));
	again.bind = dsl->bound;
	cr_assert(eq(int, lead_to(LTE, at_far), 0));
	cr_expect(eq(ptr, uplinks_find(&control.uplinks, "dsl"), NULL));
	cr_expect(not(dsl->is_open || dsl->thread.running));
	cr_expect(eq(uint, control.uplinks.in_use, 1));
	cr_expect(eq(ptr, peer_called("a"), a));
	cr_expect(eq(uint, paths_over(a, "dsl"), 0));
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path_target *target = rcu_dereference(a->dp->path[i].target);

		cr_expect(not(target && target->route.link == dsl));
	}
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_expect(eq(int, bind(fd, &again.bind.sa, endpoint_len(&again.bind)), 0));
	close(fd);
}

Test(changes, places_of_links_are_used_again)
{
	for (unsigned round = 0; round < 2 * LINKS_MAX; round++) {
		cr_assert(eq(int, lead_to(round % 2 ? DSL : LTE, at_far), 0));
		cr_assert(eq(uint, control.uplinks.in_use, 1));
	}
	cr_expect(ne(ptr, uplinks_find(&control.uplinks, "dsl"), NULL));
	cr_expect(le(uint, control.uplinks.count, LINKS_MAX));
}

Test(changes, weight_of_a_link_is_changed_in_place)
{
	struct uplink *dsl = uplinks_find(&control.uplinks, "dsl");

	cr_assert(eq(int, lead_to("{name: dsl, bind: \"127.0.0.1:0\", weight: 7}", at_far), 0));
	cr_expect(eq(ptr, uplinks_find(&control.uplinks, "dsl"), dsl));
	cr_expect(eq(u32, dsl->weight, 7));
	cr_expect(eq(int, dsl->pair[0].state, UPLINK_UP));
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

/* Whatever it is that cannot be had: nothing of the wanted state is left. */
Test(changes, without_memory_all_stays_as_it_was)
{
	unsigned failures = 0;

	remember();
	for (;; failures++) {
		struct desired *wanted = desired_of(LTE, B "," C);
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
	cr_expect(eq(sz, control.peers.count, 2));
	cr_expect(eq(ptr, owner_of(1), NULL));
	cr_expect(eq(ptr, owner_of(2), peer_called("b")->dp));
	cr_expect(eq(ptr, owner_of(3), peer_called("c")->dp));
	cr_expect(ne(ptr, uplinks_find(&control.uplinks, "lte"), NULL));
}

/* Of two that are bound to one port the second waits, and so does no other behind it. */
Test(changes, link_that_cannot_be_opened_keeps_no_other_from_it)
{
	const struct uplink *twin, *lte;
	char links[512], text[ENDPOINT_TEXT_LEN];

	snprintf(
		links, sizeof links, DSL ", {name: twin, bind: \"%s\"}, " LTE,
		endpoint_format(&uplinks_find(&control.uplinks, "dsl")->pair[0].link->bound, text));
	cr_assert(eq(int, lead_to(links, at_far), 0));
	twin = uplinks_find(&control.uplinks, "twin");
	lte = uplinks_find(&control.uplinks, "lte");
	cr_expect(eq(int, twin->pair[0].state, UPLINK_WAITING));
	cr_expect(eq(int, lte->pair[0].state, UPLINK_UP));
}
