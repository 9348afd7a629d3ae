/* SPDX-License-Identifier: MIT */
/* handshake.c - `vtbench handshake`: what a handshake costs each side, on one core. */
#include <stdio.h>

#include "bench/crypto_ready.h"
#include "bench/measure.h"
#include "bench/options.h"
#include "bench/vtbench.h"
#include "crypto/aead.h"
#include "crypto/cookie.h"
#include "crypto/noise.h"

#define NOW_NS      1000000000ull
#define LOCAL_INDEX 1u

/* Two hosts that know each other, and a handshake between them that went well. */
struct handshake_work {
	struct noise_identity initiator, responder;
	struct noise_remote to_responder, to_initiator;
	struct cookie_keys keys;       /* the initiator's, for messages to the responder */
	struct cookie_keys keys_back;  /* the responder's */
	struct cookie_checker checker; /* the responder's */
	struct cookie_checker checker_back;
	struct cookie_jar jar;
	uint8_t ephemeral[KEY_LEN];
	uint8_t timestamp[TAI64N_LEN];
	uint8_t source[6];
	struct noise_handshake created; /* the initiator's, waiting for the response */
	struct message_initiation initiation, forged;
	struct message_response response;
	bool has_failed;
	void (*step)(struct handshake_work *w); /* what is measured now */
};

static void fail_unless(struct handshake_work *w, bool is_good)
{
	w->has_failed |= !is_good;
}

/* ---- the parts ---- */

static void create_initiation(struct handshake_work *w)
{
	int err = noise_create_initiation(&w->created, &w->initiator, &w->to_responder,
	                                  w->ephemeral, w->timestamp, LOCAL_INDEX, &w->initiation);

	cookie_add_macs(&w->keys, &w->jar, &w->initiation, sizeof w->initiation, NOW_NS);
	fail_unless(w, !err);
}

static void check_initiation(struct handshake_work *w, const struct message_initiation *msg,
                             enum cookie_verdict expected)
{
	fail_unless(w, cookie_check(&w->checker, msg, sizeof *msg, w->source, sizeof w->source,
	                            NOW_NS) == expected);
}

/* The responder: from the initiation to the response and the keys. */
static void respond(struct handshake_work *w)
{
	uint8_t timestamp[TAI64N_LEN], send[KEY_LEN], receive[KEY_LEN];
	struct noise_initiation opened;
	struct cookie_jar jar = {0};

	check_initiation(w, &w->initiation, COOKIE_MAC1_ONLY);
	fail_unless(w, !noise_open_initiation(&opened, &w->responder, &w->initiation));
	fail_unless(w,
	            !noise_accept_initiation(&opened, &w->to_initiator, &w->initiation, timestamp));
	fail_unless(w, !noise_create_response(&opened.handshake, &w->to_initiator, w->ephemeral,
	                                      LOCAL_INDEX, &w->response));
	cookie_add_macs(&w->keys_back, &jar, &w->response, sizeof w->response, NOW_NS);
	noise_split(&opened.handshake, false, send, receive);
	measure_keep(send);
}

/* The initiator again: from the response to the keys. */
static void consume_response(struct handshake_work *w)
{
	struct noise_handshake hs = w->created;
	uint8_t send[KEY_LEN], receive[KEY_LEN];

	fail_unless(w, cookie_check(&w->checker_back, &w->response, sizeof w->response, w->source,
	                            sizeof w->source, NOW_NS) == COOKIE_MAC1_ONLY);
	fail_unless(w, !noise_consume_response(&hs, &w->initiator, &w->to_responder, &w->response));
	noise_split(&hs, true, send, receive);
	measure_keep(send);
}

static void initiate(struct handshake_work *w)
{
	create_initiation(w);
	consume_response(w);
}

/* ---- refusing ---- */

static void check_good(struct handshake_work *w)
{
	check_initiation(w, &w->initiation, COOKIE_MAC1_ONLY);
}

static void check_forged(struct handshake_work *w)
{
	check_initiation(w, &w->forged, COOKIE_BAD_MAC1);
}

static void reply_cookie(struct handshake_work *w)
{
	struct message_cookie_reply reply;

	cookie_reply_create(&w->checker, &w->initiation, sizeof w->initiation, LOCAL_INDEX,
	                    w->source, sizeof w->source, NOW_NS, &reply);
	measure_keep(&reply);
}

/* ---- the subcommand ---- */

/* Ephemeral keys and time stamps stay the same, so every step can be repeated alone: messages and
 * states come out as they were.
 */
static uint64_t repeat_step(void *arg, uint64_t repetitions)
{
	struct handshake_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions; r++)
		w->step(w);
	return measure_now_ns() - begin_ns;
}

static void prepare(struct handshake_work *w)
{
	uint8_t key[KEY_LEN];

	random_bytes(key, sizeof key);
	noise_identity_init(&w->initiator, key);
	random_bytes(key, sizeof key);
	noise_identity_init(&w->responder, key);
	random_bytes(key, sizeof key); /* the preshared one */
	noise_remote_init(&w->to_responder, &w->initiator, w->responder.public_key, key);
	noise_remote_init(&w->to_initiator, &w->responder, w->initiator.public_key, key);
	random_bytes(w->ephemeral, sizeof w->ephemeral);
	noise_timestamp(w->timestamp, 1, 0, 0);
	cookie_keys_init(&w->keys, w->responder.public_key);
	cookie_keys_init(&w->keys_back, w->initiator.public_key);
	cookie_checker_init(&w->checker, w->responder.public_key);
	cookie_checker_init(&w->checker_back, w->initiator.public_key);
	create_initiation(w);
	respond(w);
	w->forged = w->initiation;
	w->forged.macs.mac1[0] ^= 1;
}

static int measure_all(struct report *r, double time_s)
{
	static const struct {
		const char *name;
		void (*step)(struct handshake_work *w);
	} rows[] = {
		{"create initiation", create_initiation},
		{"consume response", consume_response},
		{"whole initiator", initiate},
		{"whole responder", respond},
		{"check MAC1, good", check_good},
		{"check MAC1, forged", check_forged},
		{"create cookie reply", reply_cookie},
	};
	static struct handshake_work work;
	static struct measure_task task;
	const unsigned row_count = sizeof rows / sizeof *rows;

	prepare(&work);
	for (unsigned i = 0; i < row_count; i++) {
		report_progress(r, i + 1, row_count, rows[i].name);
		work.step = rows[i].step;
		task = (struct measure_task){.run = repeat_step, .arg = &work};
		measure(&task, 1, time_s);
		if (work.has_failed) {
			fprintf(stderr, "vtbench: %s: it fails\n", rows[i].name);
			return VTBENCH_FAILED;
		}
		struct spread us = measure_spread(&task, 1e3);
		report_add(r, (const char *[]){rows[i].name},
		           (double[]){us.median, us.p10, us.p90, 1e6 / us.median});
	}
	return VTBENCH_OK;
}

static const char about[] =
	"Handshakes on one core. An initiator creates the initiation and consumes the\n"
	"response; a responder checks MAC1, consumes the initiation and creates the\n"
	"response. Both with the MACs and as far as the transport keys. The rates of the\n"
	"checks tell how much refusing a flood of initiations costs.\n";

int handshake_main(int argc, char **argv)
{
	static const char *const labels[] = {"operation", NULL};
	static const struct report_metric metrics[] = {
		{"us", "us", 2, .less_is_better = true},
		{"us_p10", "p10", 2, .less_is_better = true, .is_spread = true},
		{"us_p90", "p90", 2, .less_is_better = true, .is_spread = true},
		{"per_second", "per second", 0},
		{0},
	};
	static const struct options_command command = {
		.name = "handshake",
		.about = about,
	};
	struct common_options common = {.time_s = 0.5};

	int status = options_parse(&command, &common, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	status = crypto_ready();
	if (status)
		return status;
	struct report *r = options_report(&common, "handshake", labels, metrics);
	status = measure_all(r, common.time_s);
	int written = options_finish(r, &common, "operation", "per_second");
	return status ? status : written;
}
