/* SPDX-License-Identifier: MIT */
#include "control/gather.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/key_text.h"
#include "base/rcu.h"
#include "control/control.h"
#include "control/status.h"
#include "crypto/init.h"
#include "dataplane/outflow.h"
#include "dataplane/publish.h"
#include "dataplane/statistics.h"
#include "links_rig.h"
#include "version.h"

#define NOW (1000 * NS_PER_S)

static uint64_t turn_ns; /* after NOW: the time of the turn */

static struct control control;
static struct desired config;
static struct desired_link config_link[2];
static struct desired_peer config_peer;
static struct prefix allowed[2];
static struct peer peer, *peers[] = {&peer};
static struct noise_identity identity;

static struct endpoint endpoint(const char *text)
{
	struct endpoint ep;

	cr_assert(eq(int, endpoint_parse(text, 0, &ep), 0));
	return ep;
}

static unsigned answers; /* of the gathering */
static struct facts *gathered;

static void on_gathered(void *arg, struct facts *facts)
{
	cr_assert(eq(ptr, arg, &control));
	answers++;
	gathered = facts;
}

/* Turns of the loop until there is an answer; returns how many. */
static unsigned turn_until_gathered(void)
{
	unsigned turns = 0;

	for (answers = 0; !answers; turns++)
		cr_assert(eq(sz, deadline_run(&control.loop.deadlines, NOW + turn_ns++), 1));
	cr_assert(eq(u64, deadline_next_ns(&control.loop.deadlines), NEVER_NS));
	return turns;
}

static void begin(void)
{
	const struct gather_from from = control_gather_from(&control);

	gather_begin(&control.gathering, &from, NOW);
}

/* What is gathered and printed of it; the caller's reference. */
static json_t *status_now(void)
{
	struct status_printer printer;
	struct json_text text = {0};
	json_error_t error;

	begin();
	turn_until_gathered();
	cr_assert(ne(ptr, gathered, NULL));
	status_begin(&printer, gathered);
	cr_assert(not(status_print_more(&printer, &text, SIZE_MAX)));
	facts_free(gathered);
	json_t *status = json_loadb(text.at, text.len, 0, &error);
	cr_assert(ne(ptr, status, NULL), "%s: %.*s", error.text, (int)text.len, text.at);
	json_text_fini(&text);
	return status;
}

/* Two links of which nothing is known but the configuration, and a peer without paths. */
static void start(void)
{
	struct engine_settings set = {
		.tun = {.queues = 1}, .mtu = 1380, .workers = 3, .cipher = CIPHER_SODIUM};

	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	cr_assert(eq(int, engine_create(&set, &control.engine), 0));
	control_make_effects(&control);
	control.identity = &identity;
	control.peers.at = peers;
	control.peers.count = 1;
	control.started_ns = NOW;
	strcpy(control.interface, "vt0");
	config.mtu = 1380;
	memset(identity.public_key, 1, KEY_LEN);
	strcpy(config_link[0].name, "lte");
	strcpy(config_link[1].name, "dsl");
	config_link[0].weight = config_link[1].weight = 1;
	config.links = config_link;
	config.link_count = 2;
	control.loop.now_ns = NOW;
	gather_init(&control.gathering, &control.loop.deadlines, on_gathered, &control);
	make_links(&control, &config);
	strcpy(peer.name, "office");
	memset(config_peer.public_key, 2, KEY_LEN);
	peer.config = &config_peer;
	peer.paths.followed = PATH_NONE;
	peer.fx = control.fx;
	peer.uplinks = &control.uplinks;
	peer.dp = engine_create_peer(control.engine, &peer);
	cr_assert(ne(ptr, peer.dp, NULL));
}

static void stop(void)
{
	keypair_put(peer.session.current);
	dp_peer_put(peer.dp);
	engine_destroy(control.engine);
	deadline_heap_fini(&control.loop.deadlines);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(gather, .init = start, .fini = stop);

/* @expected holds all members of ctl.h but for those added here and the drops, which have a test of
 * their own.
 */
static void assert_status(const char *expected)
{
	char keys[2][KEY_TEXT_LEN];
	json_error_t error;
	json_t *want = json_loads(expected, 0, &error), *status = status_now();

	cr_assert(ne(ptr, want, NULL), "%s, line %d", error.text, error.line);
	cr_assert(ne(ptr, status, NULL));
	key_to_base64(keys[0], identity.public_key);
	key_to_base64(keys[1], config_peer.public_key);
	json_object_set_new(want, "version", json_string(VTRUNKD_VERSION));
	json_object_set_new(want, "public_key", json_string(keys[0]));
	json_object_set_new(want, "pid", json_integer(getpid()));
	json_object_set_new(json_array_get(json_object_get(want, "peers"), 0), "public_key",
	                    json_string(keys[1]));
	json_object_set(want, "drops", json_object_get(status, "drops"));
	json_object_set_new(json_object_get(want, "pool"), "bytes",
	                    json_integer((json_int_t)engine_memory(control.engine).bytes));
	json_object_set_new(json_object_get(want, "pool"), "batches",
	                    json_integer(engine_memory(control.engine).batches));
	char *got_text = json_dumps(status, JSON_INDENT(1) | JSON_SORT_KEYS);
	char *want_text = json_dumps(want, JSON_INDENT(1) | JSON_SORT_KEYS);
	cr_assert(eq(str, got_text, want_text));
	free(got_text);
	free(want_text);
	json_decref(status);
	json_decref(want);
}

Test(gather, what_is_not_known_is_null)
{
	assert_status(
		"{\"interface\":\"vt0\",\"uptime_s\":0.0,\"mtu\":1380,"
		"\"workers\":3,\"crypto\":\"sodium\",\"tun\":{\"queues\":1,"
		"\"tcp_offload\":false,\"udp_offload\":false,"
		"\"kernel_drops\":null},\"pool\":{},"
		"\"log_lines_lost\":0,\"links\":["
		"{\"name\":\"lte\",\"state\":\"waiting\",\"since_s\":0.0,\"reason\":null,"
		"\"bind\":null,\"device\":null,\"fwmark\":null,\"weight\":1,"
		"\"train_max_bytes\":0,\"tx_packets\":0,"
		"\"tx_bytes\":0,\"rx_packets\":0,\"rx_bytes\":0,\"tx_errors\":0,"
		"\"kernel_drops\":0,\"handshake_kernel_drops\":0},"
		"{\"name\":\"dsl\",\"state\":\"waiting\",\"since_s\":0.0,\"reason\":null,"
		"\"bind\":null,\"device\":null,\"fwmark\":null,\"weight\":1,"
		"\"train_max_bytes\":0,\"tx_packets\":0,"
		"\"tx_bytes\":0,\"rx_packets\":0,\"rx_bytes\":0,\"tx_errors\":0,"
		"\"kernel_drops\":0,\"handshake_kernel_drops\":0}],"
		"\"peers\":[{\"name\":\"office\",\"mode\":\"aggregate\",\"bonding\":\"unknown\","
		"\"session\":\"none\",\"session_age_s\":null,\"session_role\":null,"
		"\"handshakes\":0,\"last_handshake\":null,\"unanswered_initiations\":0,"
		"\"stale_initiations\":0,\"clock_behind_s\":null,\"endpoint\":null,\"allowed_ips\":"
		"[],"
		"\"rx_packets\":0,\"rx_bytes\":0,\"tx_packets\":0,\"tx_bytes\":0,"
		"\"staged_packets\":0,\"paths\":[]}]}");
}

static void fill_links(void)
{
	struct uplink_pair *lte = &control.uplinks.uplink[0].pair[1],
			   *dsl = &control.uplinks.uplink[1].pair[0];
	struct link *link = lte->link;

	lte->is_wanted = dsl->is_wanted = true;
	lte->state = UPLINK_UP;
	lte->since_ns = NOW - 5 * NS_PER_S / 2;
	strcpy(lte->reason, "open");
	strcpy(control.uplinks.uplink[0].line.device, "wwan0");
	control.uplinks.uplink[0].line.has_fwmark = true; /* 0 is a mark like any other */
	control.uplinks.uplink[0].weight = 7;
	link->is_open = true;
	link->bound = endpoint("[2001:db8::1]:51820");
	train_limit_set(&link->trains, TRAIN_ANY);
	atomic_store(&link->tx_packets, 11);
	atomic_store(&link->tx_bytes, 12);
	atomic_store(&link->rx_packets, 13);
	atomic_store(&link->rx_bytes, 14);
	atomic_store(&link->tx_errors, 15);
	link->data_fd = link->handshake_fd =
		-1; /* not open in truth: what was counted before stays */
	link->data_drops.total = 16;
	link->handshake_drops.total = 17;
	dsl->state = UPLINK_RESTING;
	strcpy(dsl->reason, "No buffer space available");
	control.uplinks.uplink[1].line.fwmark = 0x51; /* not to be shown: it is not set */
}

static json_t *status_of_link(json_t *status, unsigned i)
{
	return json_array_get(json_object_get(status, "links"), i);
}

static const char *text_of(json_t *link, const char *key)
{
	return json_string_value(json_object_get(link, key));
}

static unsigned number_of(json_t *link, const char *key)
{
	return (unsigned)json_integer_value(json_object_get(link, key));
}

Test(gather, link_of_two_families_is_one_link)
{
	static const char *const bound[] = {"0.0.0.0:51820", "[::]:51820"};
	struct uplink *uplink = &control.uplinks.uplink[0];

	for (unsigned i = 0; i < 2; i++) {
		struct link *link = uplink->pair[i].link;

		uplink->pair[i].is_wanted = true;
		link->is_open = true;
		link->bound = endpoint(bound[i]);
		train_limit_set(&link->trains, i ? 1400 : TRAIN_ANY);
		atomic_store(&link->tx_packets, 10 + i);
		atomic_store(&link->rx_bytes, 100 + i);
	}
	uplink->pair[0].state = UPLINK_RESTING;
	strcpy(uplink->pair[0].reason, "Network is unreachable");
	uplink->pair[1].state = UPLINK_UP;
	strcpy(uplink->pair[1].reason, "open");

	json_t *status = status_now(), *link = status_of_link(status, 0);
	cr_assert(eq(sz, json_array_size(json_object_get(status, "links")), 2));
	cr_expect(eq(str, (char *)text_of(link, "bind"), "0.0.0.0:51820, [::]:51820"));
	cr_expect(eq(str, (char *)text_of(link, "state"), "up"));
	cr_expect(eq(str, (char *)text_of(link, "reason"), "open"));
	cr_expect(eq(uint, number_of(link, "train_max_bytes"), 1400));
	cr_expect(eq(uint, number_of(link, "tx_packets"), 21));
	cr_expect(eq(uint, number_of(link, "rx_bytes"), 201));
	json_decref(status);
	for (unsigned i = 0; i < 2; i++)
		uplink->pair[i].link->is_open = false;
}

static void fill_path(unsigned id, unsigned link, const char *remote)
{
	struct path *path = &peer.paths.slot[id];

	path->proof = PATH_ADDED;
	path->route.link =
		control.uplinks.uplink[link].pair[1].link; /* the one of which things are known */
	path->route.remote = endpoint(remote);
	path->health.since_ns = NOW;
	atomic_store(&peer.dp->path[id].tx_packets, 100 + id);
	atomic_store(&peer.dp->path[id].tx_bytes, 1000 + id);
	atomic_store(&peer.dp->path[id].rx_packets, 10000 + id);
	atomic_store(&peer.dp->path[id].rx_bytes, 100000 + id);
}

static void fill_peer(void)
{
	cr_assert(eq(int, prefix_parse("192.168.7.0/24", &allowed[0]), 0));
	cr_assert(eq(int, prefix_parse("fd07::/64", &allowed[1]), 0));
	config_peer.allowed_ips = allowed;
	config_peer.allowed_ip_count = 2;
	config_peer.mode = BONDING_FAILOVER;
	peer.verdict.is = VERDICT_BONDED;
	peer.session.current = keypair_create(false, 1, 2, NOW - 3 * NS_PER_S / 4);
	peer.session.count = 4;
	peer.handshake.attempts = 3;
	peer.answered.stale = 2;
	peer.answered.stale_by_s = 86400;
	peer.session.made_wall_s = 1700000000;
	atomic_store(&peer.dp->outflow->intake[0].staged.len, 6);

	fill_path(1, 0, "192.0.2.1:1");
	cr_assert(eq(int, engine_publish_target(peer.dp, 1, &peer.paths.slot[1].route), 0));
	train_limit_lower(&peer.dp->path[1].target->trains, 1400, EMSGSIZE);
	struct path *path = &peer.paths.slot[1];
	path->is_in_table = true;
	path->proof = PATH_PROVED;
	path->tx_bps = 8;
	path->rx_bps = 9;
	path->health.state = PATH_UP;
	path->health.reason = "answers";
	path->health.estimate = (struct path_estimate){.has_rtt = true,
	                                               .srtt_ns = 25 * NS_PER_MS / 2,
	                                               .jitter_ns = NS_PER_MS / 4,
	                                               .tx = {.is_known = true, .ratio = 0.5},
	                                               .rx = {.is_known = true, .ratio = 0.125}};
	atomic_store(&peer.dp->path[1].heard_ns, NOW - NS_PER_S / 8);

	/* Slot 15: the last one. Heard after @now was read, which is no time in the future. */
	fill_path(15, 1, "[2001:db8::2]:2");
	peer.paths.slot[15].proof = PATH_PROVED;
	peer.paths.slot[15].health.state = PATH_DOWN;
	fill_path(9, 1, "192.0.2.9:9"); /* a candidate: no path yet, though its packets count */
	atomic_store(&peer.dp->path[15].heard_ns, NOW + 1);
	/* A slot that is free again: its packets remain the peer's. */
	atomic_store(&peer.dp->path[3].tx_packets, 1);
}

Test(gather, all_that_is_known_is_told)
{
	control.started_ns = NOW - 3 * NS_PER_S / 2;
	fill_links();
	fill_peer();
	assert_status(
		"{\"interface\":\"vt0\",\"uptime_s\":1.5,\"mtu\":1380,"
		"\"workers\":3,\"crypto\":\"sodium\",\"tun\":{\"queues\":1,"
		"\"tcp_offload\":false,\"udp_offload\":false,"
		"\"kernel_drops\":null},\"pool\":{},"
		"\"log_lines_lost\":0,\"links\":["
		"{\"name\":\"lte\",\"state\":\"up\",\"since_s\":2.5,\"reason\":\"open\","
		"\"bind\":\"[2001:db8::1]:51820\",\"device\":\"wwan0\",\"fwmark\":0,\"weight\":7,"
		"\"train_max_bytes\":65535,"
		"\"tx_packets\":11,\"tx_bytes\":12,\"rx_packets\":13,\"rx_bytes\":14,"
		"\"tx_errors\":15,"
		"\"kernel_drops\":16,\"handshake_kernel_drops\":17},"
		"{\"name\":\"dsl\",\"state\":\"resting\",\"since_s\":0.0,"
		"\"reason\":\"No buffer space available\",\"bind\":null,\"device\":null,"
		"\"fwmark\":null,\"weight\":1,\"train_max_bytes\":0,\"tx_packets\":0,\"tx_bytes\":"
		"0,\"rx_packets\":0,"
		"\"rx_bytes\":0,\"tx_errors\":0,"
		"\"kernel_drops\":0,\"handshake_kernel_drops\":0}],"
		"\"peers\":[{\"name\":\"office\",\"mode\":\"failover\",\"bonding\":\"bonded\","
		"\"session\":\"established\",\"session_age_s\":0.75,"
		"\"session_role\":\"responder\",\"handshakes\":4,\"last_handshake\":1700000000,"
		"\"unanswered_initiations\":3,\"stale_initiations\":2,"
		"\"clock_behind_s\":86400,"
		"\"endpoint\":\"192.0.2.1:1\","
		"\"allowed_ips\":[\"192.168.7.0/24\",\"fd07::/64\"],"
		"\"rx_packets\":30025,\"rx_bytes\":300025,\"tx_packets\":326,\"tx_bytes\":3025,"
		"\"staged_packets\":6,\"paths\":["
		"{\"id\":1,\"link\":\"lte\",\"endpoint\":\"192.0.2.1:1\",\"state\":\"up\","
		"\"since_s\":0.0,\"reason\":\"answers\",\"note\":null,\"in_use\":true,\"weight\":7,"
		"\"train_max_bytes\":1400,"
		"\"rtt_ms\":12.5,\"jitter_ms\":0.25,\"loss_tx_percent\":50.0,"
		"\"loss_rx_percent\":12.5,\"last_heard_s\":0.125,\"tx_packets\":101,"
		"\"tx_bytes\":1001,\"rx_packets\":10001,\"rx_bytes\":100001,\"tx_bps\":8,"
		"\"rx_bps\":9},"
		"{\"id\":15,\"link\":\"dsl\",\"endpoint\":\"[2001:db8::2]:2\",\"state\":\"down\","
		"\"since_s\":0.0,\"reason\":null,\"note\":null,\"in_use\":false,\"weight\":1,"
		"\"train_max_bytes\":null,\"rtt_ms\":null,"
		"\"jitter_ms\":null,\"loss_tx_percent\":null,\"loss_rx_percent\":null,"
		"\"last_heard_s\":0.0,\"tx_packets\":115,\"tx_bytes\":1015,"
		"\"rx_packets\":10015,\"rx_bytes\":100015,\"tx_bps\":0,\"rx_bps\":0}]}]}");
}

static const char *endpoint_shown(void)
{
	static char text[ENDPOINT_TEXT_LEN];
	json_t *status = status_now();
	json_t *object = json_array_get(json_object_get(status, "peers"), 0);
	const char *value = json_string_value(json_object_get(object, "endpoint"));

	snprintf(text, sizeof text, "%s", value ? value : "null");
	json_decref(status);
	return text;
}

Test(gather, endpoint_is_where_data_goes_or_went)
{
	fill_path(2, 0, "192.0.2.1:2");
	fill_path(4, 0, "192.0.2.1:4");
	fill_path(6, 0, "192.0.2.1:6");
	cr_expect(eq(str, (char *)endpoint_shown(), (char *)"null"), "heard of, not proved");
	peer.paths.slot[4].proof = peer.paths.slot[6].proof = PATH_PROVED;
	cr_expect(eq(str, (char *)endpoint_shown(), (char *)"192.0.2.1:4"), "first usable");
	peer.paths.followed = 2;
	cr_expect(eq(str, (char *)endpoint_shown(), (char *)"192.0.2.1:2"), "went there last");
	peer.paths.slot[6].is_in_table = true;
	cr_expect(eq(str, (char *)endpoint_shown(), (char *)"192.0.2.1:6"), "goes there now");
	peer.paths.slot[6].proof = peer.paths.slot[2].proof = PATH_FREE;
	cr_expect(eq(str, (char *)endpoint_shown(), (char *)"192.0.2.1:4"), "slots are free");
}

Test(gather, session_that_is_too_old_is_none)
{
	peer.session.current = keypair_create(true, 1, 2, NOW - REJECT_AFTER_TIME);
	json_t *status = status_now();
	json_t *object = json_array_get(json_object_get(status, "peers"), 0);
	const char *session = json_string_value(json_object_get(object, "session"));
	cr_expect(eq(str, (char *)session, (char *)"none"));
	cr_expect(eq(int, json_is_null(json_object_get(object, "session_age_s")), 1));
	cr_expect(eq(int, json_is_null(json_object_get(object, "session_role")), 1));
	json_decref(status);
}

Test(gather, drops_are_told_by_name)
{
	engine_count_drop(control.engine, DROP_REPLAY);
	engine_count_drop(control.engine, DROP_REPLAY);
	engine_count_drop(control.engine, DROP_BONDING_REQUIRED);
	json_t *status = status_now();
	json_t *drops = json_object_get(status, "drops");
	cr_assert(eq(sz, json_object_size(drops), DROP_REASON_COUNT));
	for (int i = 0; i < DROP_REASON_COUNT; i++) {
		long want = i == DROP_REPLAY ? 2 : i == DROP_BONDING_REQUIRED;
		json_t *got = json_object_get(drops, drop_name(i));

		cr_expect(eq(int, json_is_integer(got), 1), "%s", drop_name(i));
		cr_expect(eq(long, json_integer_value(got), want), "%s", drop_name(i));
	}
	json_decref(status);
}

/* ---- memory ---- */

static long allocations_left = LONG_MAX, allocations_held;

static bool may_allocate(void)
{
	if (allocations_left == LONG_MAX)
		return true;
	if (allocations_left == 0)
		return false;
	allocations_left--;
	allocations_held++;
	return true;
}

/* The linker has control call these (see meson.build). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *at);

void *__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return may_allocate() ? __real_calloc(count, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
	return may_allocate() ? __real_strdup(text) : NULL;
}

void __wrap_free(void *at)
{
	allocations_held -= at && allocations_left != LONG_MAX;
	__real_free(at);
}

/* Every allocation fails once: then there are no facts, and nothing is left behind. */
Test(gather, without_memory_there_is_nothing)
{
	long tries = 0;

	fill_links();
	fill_peer();
	facts_free(gathered);
	cr_assert(eq(int, deadline_reserve(&control.loop.deadlines, 1), 0));
	gathered = NULL;
	for (; !gathered; tries++) {
		allocations_left = tries;
		answers = 0;
		begin();
		while (!answers)
			deadline_run(&control.loop.deadlines, NOW + turn_ns++);
		cr_assert(gathered || allocations_held == 0, "%ld held after %ld allocations",
		          allocations_held, tries);
	}
	cr_assert(lt(long, 4, tries));
	cr_assert(eq(long, allocations_left, 0), "an allocation that fails does no harm");
	facts_free(gathered);
	cr_assert(eq(long, allocations_held, 0));
	allocations_left = LONG_MAX;
}

/* ---- turns ---- */

#define MANY 4096u

/* So many that nobody else would have his turn. */
static void fill_many(void)
{
	static struct peer *many[MANY];

	for (unsigned i = 0; i < MANY; i++)
		many[i] = &peer;
	control.peers.at = many;
	control.peers.count = MANY;
}

static size_t peers_in(const struct facts *facts)
{
	size_t count = 0;

	for (const struct fact_item *item = facts->peers.first; item; item = item->next)
		count++;
	return count;
}

Test(gather, a_turn_looks_at_few_peers)
{
	fill_many();
	begin();
	for (size_t seen = 0; seen < MANY - GATHER_COST_MAX; seen += GATHER_COST_MAX) {
		cr_assert(eq(sz, peers_in(control.gathering.facts), seen));
		cr_assert(eq(sz, deadline_run(&control.loop.deadlines, NOW + turn_ns++), 1));
	}
	turn_until_gathered();
	cr_assert(eq(sz, peers_in(gathered), MANY));
	facts_free(gathered);
}

Test(gather, long_list_of_prefixes_counts_as_many_peers)
{
	config_peer.allowed_ip_count = 16 * 1024;
	config_peer.allowed_ips = calloc(config_peer.allowed_ip_count, sizeof(struct prefix));
	fill_many();
	control.peers.count = 20;
	begin();
	cr_assert(eq(uint, turn_until_gathered(), 20));
	facts_free(gathered);
	free(config_peer.allowed_ips);
}

Test(gather, one_that_is_stopped_leaves_nothing)
{
	fill_many();
	begin();
	deadline_run(&control.loop.deadlines, NOW + turn_ns++);
	gather_stop(&control.gathering);
	cr_assert(eq(ptr, control.gathering.facts, NULL));
	cr_assert(eq(u64, deadline_next_ns(&control.loop.deadlines), NEVER_NS));
	cr_assert(eq(uint, answers, 0));
}
