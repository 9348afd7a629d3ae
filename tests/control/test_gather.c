/* SPDX-License-Identifier: MIT */
/* What is known, as facts; see gather_rig.h. */
#include "control/gather.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/key_text.h"
#include "control/status.h"
#include "dataplane/statistics.h"
#include "gather_rig.h"
#include "version.h"

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
