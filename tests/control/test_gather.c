/* SPDX-License-Identifier: MIT */
/* What is known, as facts; see gather_rig.h. */
#include "control/gather.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/key_text.h"
#include "control/status.h"
#include "dataplane/feedback.h"
#include "dataplane/publish.h"
#include "dataplane/statistics.h"
#include "gather_rig.h"
#include "version.h"

/* Members at the end of a path whose peer does not report. */
#define NOTHING_LEARNED                                                                  \
	"\"way_ms\":null,\"way_jitter_ms\":null,\"queue_ms\":null,\"arrived_bps\":null," \
	"\"capacity_bps\":null,\"data_loss_percent\":null"

TestSuite(gather, .init = gather_rig_start, .fini = gather_rig_stop);

/* What is gathered and printed of it; the caller's reference. */
static json_t *status_now(void)
{
	struct status_printer printer;
	struct json_text text = {0};
	json_error_t error;

	begin_gathering();
	turn_until_gathered();
	cr_assert(ne(ptr, gather.facts, NULL));
	status_begin(&printer, gather.facts);
	cr_assert(not(status_print_more(&printer, &text, SIZE_MAX)));
	facts_free(gather.facts);
	json_t *status = json_loadb(text.at, text.len, 0, &error);
	cr_assert(ne(ptr, status, NULL), "%s: %.*s", error.text, (int)text.len, text.at);
	json_text_fini(&text);
	return status;
}

/* expected holds all members of ctl.h but for those added here and the drops, which have a test of
 * their own.
 */
static void assert_status(const char *expected)
{
	char keys[2][KEY_TEXT_LEN];
	json_error_t error;
	json_t *want = json_loads(expected, 0, &error), *status = status_now();

	cr_assert(ne(ptr, want, NULL), "%s, line %d", error.text, error.line);
	cr_assert(ne(ptr, status, NULL));
	key_to_base64(keys[0], gather.identity.public_key);
	key_to_base64(keys[1], gather.peer.set.public_key);
	json_object_set_new(want, "version", json_string(VTRUNKD_VERSION));
	json_object_set_new(want, "public_key", json_string(keys[0]));
	json_object_set_new(want, "pid", json_integer(getpid()));
	json_object_set_new(json_array_get(json_object_get(want, "peers"), 0), "public_key",
	                    json_string(keys[1]));
	json_object_set(want, "drops", json_object_get(status, "drops"));
	json_object_set_new(json_object_get(want, "pool"), "bytes",
	                    json_integer((json_int_t)engine_memory(gather.control.engine).bytes));
	json_object_set_new(json_object_get(want, "pool"), "batches",
	                    json_integer(engine_memory(gather.control.engine).batches));
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
		"\"ecn\":{\"marked\":0,\"carried\":0,\"unexpected\":0},"
		"\"log_lines_lost\":0,\"links\":["
		"{\"name\":\"lte\",\"state\":\"waiting\",\"since_s\":0.0,\"reason\":null,"
		"\"bind\":null,\"device\":null,\"fwmark\":null,\"weight\":1,\"role\":\"primary\","
		"\"tx_limit_bps\":null,\"rx_limit_bps\":null,"
		"\"train_max_bytes\":0,\"tx_packets\":0,"
		"\"tx_bytes\":0,\"rx_packets\":0,\"rx_bytes\":0,\"tx_errors\":0,"
		"\"kernel_drops\":0,\"handshake_kernel_drops\":0},"
		"{\"name\":\"dsl\",\"state\":\"waiting\",\"since_s\":0.0,\"reason\":null,"
		"\"bind\":null,\"device\":null,\"fwmark\":null,\"weight\":1,\"role\":\"primary\","
		"\"tx_limit_bps\":null,\"rx_limit_bps\":null,"
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
	struct uplink *uplink = &gather.control.uplinks.uplink[0];

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

Test(gather, all_that_is_known_is_told)
{
	gather.control.started_ns = NOW - 3 * NS_PER_S / 2;
	fill_links();
	fill_peer();
	gather.peer.paths.slot[1].mtu.passed = 1344;
	assert_status(
		"{\"interface\":\"vt0\",\"uptime_s\":1.5,\"mtu\":1380,"
		"\"workers\":3,\"crypto\":\"sodium\",\"tun\":{\"queues\":1,"
		"\"tcp_offload\":false,\"udp_offload\":false,"
		"\"kernel_drops\":null},\"pool\":{},"
		"\"ecn\":{\"marked\":0,\"carried\":0,\"unexpected\":0},"
		"\"log_lines_lost\":0,\"links\":["
		"{\"name\":\"lte\",\"state\":\"up\",\"since_s\":2.5,\"reason\":\"open\","
		"\"bind\":\"[2001:db8::1]:51820\",\"device\":\"wwan0\",\"fwmark\":0,\"weight\":7,"
		"\"role\":\"primary\",\"tx_limit_bps\":null,\"rx_limit_bps\":null,"
		"\"train_max_bytes\":65535,"
		"\"tx_packets\":11,\"tx_bytes\":12,\"rx_packets\":13,\"rx_bytes\":14,"
		"\"tx_errors\":15,"
		"\"kernel_drops\":16,\"handshake_kernel_drops\":17},"
		"{\"name\":\"dsl\",\"state\":\"resting\",\"since_s\":0.0,"
		"\"reason\":\"No buffer space available\",\"bind\":null,\"device\":null,"
		"\"fwmark\":null,\"weight\":1,\"role\":\"primary\",\"tx_limit_bps\":null,\"rx_"
		"limit_bps\":null,\"train_max_bytes\":0,\"tx_"
		"packets\":0,\"tx_bytes\":"
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
		"\"role\":\"primary\",\"tx_limit_bps\":null,"
		"\"mtu\":1344,\"train_max_bytes\":1400,"
		"\"rtt_ms\":12.5,\"jitter_ms\":0.25,\"loss_tx_percent\":50.0,"
		"\"loss_rx_percent\":12.5,\"last_heard_s\":0.125,\"doubts\":4,\"tx_packets\":101,"
		"\"tx_bytes\":1001,\"rx_packets\":10001,\"rx_bytes\":100001,\"tx_bps\":8,"
		"\"rx_bps\":9,\"share_percent\":100.0,\"why\":\"about to be used: "
		"answers\"," NOTHING_LEARNED "},"
		"{\"id\":15,\"link\":\"dsl\",\"endpoint\":\"[2001:db8::2]:2\",\"state\":\"down\","
		"\"since_s\":0.0,\"reason\":null,\"note\":null,\"in_use\":false,\"weight\":1,"
		"\"role\":\"primary\",\"tx_limit_bps\":null,"
		"\"mtu\":null,\"train_max_bytes\":null,\"rtt_ms\":null,"
		"\"jitter_ms\":null,\"loss_tx_percent\":null,\"loss_rx_percent\":null,"
		"\"last_heard_s\":0.0,\"doubts\":0,\"tx_packets\":115,\"tx_bytes\":1015,"
		"\"rx_packets\":10015,\"rx_bytes\":100015,\"tx_bps\":0,\"rx_bps\":"
		"0,\"share_percent\":0.0,\"why\":\"unusable: its link is resting, No buffer space "
		"available\"," NOTHING_LEARNED "}]}]}");
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
	gather.peer.paths.slot[4].proof = gather.peer.paths.slot[6].proof = PATH_PROVED;
	cr_expect(eq(str, (char *)endpoint_shown(), (char *)"192.0.2.1:4"), "first usable");
	gather.peer.paths.followed = 2;
	cr_expect(eq(str, (char *)endpoint_shown(), (char *)"192.0.2.1:2"), "went there last");
	gather.peer.paths.slot[6].is_in_table = true;
	cr_expect(eq(str, (char *)endpoint_shown(), (char *)"192.0.2.1:6"), "goes there now");
	gather.peer.paths.slot[6].proof = gather.peer.paths.slot[2].proof = PATH_FREE;
	cr_expect(eq(str, (char *)endpoint_shown(), (char *)"192.0.2.1:4"), "slots are free");
}

Test(gather, session_that_is_too_old_is_none)
{
	gather.peer.session.current = keypair_create(true, 1, 2, NOW - REJECT_AFTER_TIME);
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
	engine_count_drop(gather.control.engine, DROP_REPLAY);
	engine_count_drop(gather.control.engine, DROP_REPLAY);
	engine_count_drop(gather.control.engine, DROP_BONDING_REQUIRED);
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

Test(gather, marks_are_told)
{
	struct dp_thread *self = &engine_link(gather.control.engine, 0)->rx;
	json_t *status, *ecn;

	counter_add(&self->marks[MARKS_MADE], 1);
	counter_add(&self->marks[MARKS_CARRIED], 2);
	counter_add(&self->marks[MARKS_UNEXPECTED], 3);
	status = status_now();
	ecn = json_object_get(status, "ecn");
	cr_expect(eq(long, json_integer_value(json_object_get(ecn, "marked")), 1));
	cr_expect(eq(long, json_integer_value(json_object_get(ecn, "carried")), 2));
	cr_expect(eq(long, json_integer_value(json_object_get(ecn, "unexpected")), 3));
	json_decref(status);
}

static double real_of(const json_t *path, const char *name)
{
	return json_number_value(json_object_get(path, name));
}

Test(gather, what_was_learned_of_paths_is_told_while_reports_come)
{
	const struct path_belief far = {.way_ns = -3 * (int64_t)NS_PER_MS,
	                                .jitter_ns = NS_PER_MS / 2,
	                                .queue_ns = 4 * NS_PER_MS,
	                                .arrived_bytes_per_s = 1000,
	                                .capacity_bytes_per_s = 2000,
	                                .loss_ppm = 12500};
	const struct path_belief near = {.way_ns = -53 * (int64_t)NS_PER_MS};
	struct dp_peer *dp = gather.peer.dp;
	json_t *status, *paths, *path;

	fill_path(1, 0, "192.0.2.1:1");
	fill_path(2, 1, "192.0.2.2:2");
	gather.peer.paths.slot[1].proof = gather.peer.paths.slot[2].proof = PATH_PROVED;
	cr_assert(eq(int, engine_exchange_reports(dp, true), 0));
	beliefs_set(&dp->feedback->beliefs, 1, &far);
	beliefs_set(&dp->feedback->beliefs, 2, &near);
	status = status_now();
	paths = json_object_get(json_array_get(json_object_get(status, "peers"), 0), "paths");
	path = json_array_get(paths, 0);
	cr_expect(eq(dbl, real_of(path, "way_ms"), 50), "more than the other");
	cr_expect(eq(dbl, real_of(path, "way_jitter_ms"), 0.5));
	cr_expect(eq(dbl, real_of(path, "queue_ms"), 4));
	cr_expect(eq(dbl, real_of(path, "arrived_bps"), 8000));
	cr_expect(eq(dbl, real_of(path, "capacity_bps"), 16000));
	cr_expect(eq(dbl, real_of(path, "data_loss_percent"), 1.25));
	cr_expect(eq(dbl, real_of(json_array_get(paths, 1), "way_ms"), 0));
	json_decref(status);

	cr_assert(eq(int, engine_exchange_reports(dp, false), 0));
	status = status_now();
	paths = json_object_get(json_array_get(json_object_get(status, "peers"), 0), "paths");
	path = json_array_get(paths, 0);
	cr_expect(eq(ptr, json_object_get(path, "way_ms"), json_null()));
	cr_expect(eq(ptr, json_object_get(path, "capacity_bps"), json_null()));
	json_decref(status);
}

static json_t *paths_of(json_t *status)
{
	return json_object_get(json_array_get(json_object_get(status, "peers"), 0), "paths");
}

static void take_second(uint32_t of_1, uint32_t of_2)
{
	struct account *account = &gather.peer.dp->feedback->account;

	last_second_take(&gather.peer.second, gather.peer.dp, NS_PER_S);
	account_sent(account, ACCOUNT_BULK, 1, 1u << 1, of_1);
	account_sent(account, ACCOUNT_URGENT, 2, 1u << 2, of_2);
	last_second_take(&gather.peer.second, gather.peer.dp, NS_PER_S);
}

/* What the account says, and not how many datagrams left: probes are nobody's share. */
Test(gather, shares_are_those_of_the_last_second)
{
	json_t *status;

	fill_path(1, 0, "192.0.2.1:1");
	fill_path(2, 1, "192.0.2.2:2");
	gather.peer.paths.slot[1].proof = gather.peer.paths.slot[2].proof = PATH_PROVED;
	gather.peer.paths.slot[2].tx_bps = 1000;
	cr_assert(eq(int, engine_exchange_reports(gather.peer.dp, true), 0));
	take_second(700, 1300);
	status = status_now();
	cr_expect(eq(dbl, real_of(json_array_get(paths_of(status), 0), "share_percent"), 35));
	cr_expect(eq(dbl, real_of(json_array_get(paths_of(status), 1), "share_percent"), 65));
	json_decref(status);

	last_second_take(&gather.peer.second, gather.peer.dp, NS_PER_S);
	status = status_now();
	cr_expect(eq(ptr, json_object_get(json_array_get(paths_of(status), 0), "share_percent"),
	             json_null()),
	          "of nothing");
	json_decref(status);
	last_second_free(gather.peer.second);
}
