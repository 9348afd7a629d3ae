/* SPDX-License-Identifier: MIT */
#include "control/status.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/key_text.h"

static struct facts *facts;
static struct json_text text;

static void start(void)
{
	facts = facts_create();
	cr_assert(ne(ptr, facts, NULL));
}

static void stop(void)
{
	facts_free(facts);
	json_text_fini(&text);
}

TestSuite(status, .init = start, .fini = stop);

/* All of it, in pieces of at least @piece bytes; valid until the next call. */
static char *print(size_t piece)
{
	struct status_printer printer;
	struct json_text out = {0};
	bool has_more = true;

	json_text_clear(&text);
	status_begin(&printer, facts);
	while (has_more) {
		json_text_clear(&out);
		has_more = status_print_more(&printer, &out, piece);
		cr_assert(not(out.is_failed));
		cr_assert(out.len >= piece || !has_more);
		json_text_end(&out);
		json_text_raw(&text, out.at);
	}
	json_text_fini(&out);
	json_text_end(&text);
	cr_assert(not(text.is_failed));
	return text.at;
}

static struct endpoint endpoint(const char *ep_text)
{
	struct endpoint ep;

	cr_assert(eq(int, endpoint_parse(ep_text, 0, &ep), 0));
	return ep;
}

static void fill_link(const char *name)
{
	struct facts_link *link = facts_add_link(facts);

	strcpy(link->name, name);
	link->state = "up";
	link->fwmark = FACT_UNKNOWN;
	link->bind[1] = endpoint("[2001:db8::1]:7");
	link->tx_packets = UINT64_C(1) << 60;
}

static struct facts_peer *fill_peer(const char *name, unsigned paths)
{
	struct facts_peer *peer = facts_add_peer(facts);

	strcpy(peer->name, name);
	peer->mode = "failover";
	peer->session_age_s = NAN;
	peer->last_handshake = FACT_UNKNOWN;
	for (unsigned i = 0; i < paths; i++) {
		struct facts_path *path = facts_add_path(peer);

		path->id = i;
		path->rtt_ms = 12.5;
		path->in_use = i == 0;
		cr_assert(facts_set_note(path, i ? "a \"note\"" : ""));
	}
	return peer;
}

static void fill(void)
{
	struct prefix allowed[2];

	cr_assert(eq(int, prefix_parse("192.0.2.0/24", &allowed[0]), 0));
	cr_assert(eq(int, prefix_parse("fd07::/64", &allowed[1]), 0));
	facts->version = "1.2";
	strcpy(facts->interface, "vt0");
	facts->tun.kernel_drops = FACT_UNKNOWN;
	facts->drops[0] = 9;
	fill_link("lte");
	fill_link("dsl");
	((struct facts_link *)facts->links.first)->bind[0] = endpoint("192.0.2.7:7");
	cr_assert(facts_set_allowed_ips(fill_peer("office", 2), allowed, 2));
	fill_peer("home", 0);
}

/* The names of the members as they stand, nested ones behind a point. */
static void expect_order(const char *json, const char *names)
{
	json_t *object = json_loads(json, 0, NULL);
	const char *name;
	char all[2048] = "";
	json_t *value;

	cr_assert(ne(ptr, object, NULL), "%s", json);
	json_object_foreach(object, name, value)
	{
		strcat(strcat(all, *all ? " " : ""), name);
	}
	cr_expect(eq(str, all, (char *)names));
	json_decref(object);
}

static char *inner(const char *list)
{
	json_t *object = json_loads(print(SIZE_MAX), 0, NULL);
	json_t *value = json_object_get(object, list);
	char *dump = json_dumps(json_is_array(value) ? json_array_get(value, 0) : value, 0);

	json_decref(object);
	return dump;
}

/* Programs that read it line by line go by that. */
Test(status, order_of_members)
{
	static const struct {
		const char *of, *names;
	} cases[] = {
		{"tun", "queues tcp_offload udp_offload kernel_drops"},
		{"ecn", "marked carried unexpected"},
		{"pool", "batches bytes"},
		{"links", "name state since_s reason bind device fwmark weight role tx_limit_bps "
	                  "rx_limit_bps train_max_bytes "
	                  "tx_packets tx_bytes rx_packets rx_bytes tx_errors kernel_drops "
	                  "handshake_kernel_drops"},
		{"peers", "name public_key mode bonding session session_age_s session_role "
	                  "handshakes last_handshake unanswered_initiations stale_initiations "
	                  "clock_behind_s endpoint allowed_ips rx_packets rx_bytes tx_packets "
	                  "tx_bytes staged_packets paths"},
	};

	fill();
	expect_order(print(SIZE_MAX),
	             "version interface pid uptime_s mtu public_key workers crypto "
	             "tun links peers drops ecn pool log_lines_lost");
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *dump = inner(cases[i].of);

		expect_order(dump, cases[i].names);
		free(dump);
	}
	char *peer = inner("peers"), *path = strstr(peer, "\"paths\": [") + 10;
	*strchr(path, '}') = 0;
	expect_order(
		strcat(path, "}"),
		"id link endpoint state since_s reason note in_use weight role tx_limit_bps "
		"mtu train_max_bytes "
		"rtt_ms jitter_ms loss_tx_percent loss_rx_percent last_heard_s doubts tx_packets "
		"tx_bytes rx_packets rx_bytes tx_bps rx_bps share_percent why way_ms "
		"way_jitter_ms queue_ms "
		"arrived_bps capacity_bps data_loss_percent");
	free(peer);
}

Test(status, each_type_has_its_form)
{
	static const char *const forms[] = {
		"\"version\":\"1.2\",\"interface\":\"vt0\",\"pid\":0,\"uptime_s\":0.0,",
		"\"crypto\":null,\"tun\":{\"queues\":0,\"tcp_offload\":false,\"udp_offload\":false,"
		"\"kernel_drops\":null},\"links\":[{\"name\":\"lte\",\"state\":\"up\",",
		"\"reason\":null,\"bind\":\"192.0.2.7:7, [2001:db8::1]:7\",\"device\":null,"
		"\"fwmark\":null,\"weight\":0,",
		"\"tx_packets\":1152921504606846976,",
		"\"bind\":\"[2001:db8::1]:7\",",
		"\"session_age_s\":null,\"session_role\":null,\"handshakes\":0,"
		"\"last_handshake\":null,",
		"\"endpoint\":null,\"allowed_ips\":[\"192.0.2.0/24\",\"fd07::/64\"],",
		"\"note\":null,\"in_use\":true,",
		"\"note\":\"a \\\"note\\\"\",\"in_use\":false,",
		"\"rtt_ms\":12.5,",
		"\"staged_packets\":0,\"paths\":[]}],\"drops\":{\"",
		"},\"ecn\":{\"marked\":0,\"carried\":0,\"unexpected\":0},"
		"\"pool\":{\"batches\":0,\"bytes\":0},\"log_lines_lost\":0}",
	};
	char key[KEY_TEXT_LEN];

	fill();
	memset(facts->public_key, 7, KEY_LEN);
	key_to_base64(key, facts->public_key);
	print(SIZE_MAX);
	for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++)
		cr_expect(ne(ptr, strstr(text.at, forms[i]), NULL), "%s\nnot in\n%s", forms[i],
		          text.at);
	cr_expect(ne(ptr, strstr(text.at, key), NULL));
}

Test(status, pieces_are_the_whole)
{
	static const size_t pieces[] = {1, 2, 100, 500, 2000, 100000};

	fill();
	for (unsigned i = 0; i < 50; i++)
		fill_peer("another", i % 4);
	char *whole = strdup(print(SIZE_MAX));
	for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++)
		cr_expect(eq(str, print(pieces[i]), whole), "pieces of %zu", pieces[i]);
	free(whole);
}

/* Whoever prints needs no more memory than for a piece, however many there are. */
Test(status, a_piece_is_hardly_longer_than_asked_for)
{
	struct status_printer printer;
	unsigned pieces = 0;

	fill();
	for (unsigned i = 0; i < 1000; i++)
		fill_peer("another", 4);
	status_begin(&printer, facts);
	for (bool has_more = true; has_more; pieces++) {
		json_text_clear(&text);
		has_more = status_print_more(&printer, &text, 20000);
		cr_assert(lt(sz, text.len, 30000));
	}
	cr_assert(lt(uint, 50, pieces));
}

Test(status, nothing_at_all_is_an_object_all_the_same)
{
	print(SIZE_MAX);
	json_t *object = json_loads(text.at, 0, NULL);
	cr_assert(eq(sz, json_object_size(object), 15));
	cr_assert(eq(sz, json_array_size(json_object_get(object, "links")), 0));
	json_decref(object);
}
