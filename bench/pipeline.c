/* SPDX-License-Identifier: MIT */
/* pipeline.c - `vtbench pipeline`: the whole data plane, from device to device. */
#include "bench/rig.h"
#include "bench/rig_losses.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "bench/crypto_ready.h"
#include "bench/measure.h"
#include "bench/options.h"
#include "bench/pipeline_options.h"
#include "bench/quantile.h"
#include "bench/traffic.h"
#include "bench/vtbench.h"

#define MTU_MIN       1420u
#define WARM_UP_SHARE 5     /* of the time that is measured, before it */
#define PACKETS_MIN   5000u /* however short the time: more than can be on their way */
#define PINGS_MIN     2000u
#define LOAD_SHARE    0.5             /* of the throughput measured, offered beside the pings */
#define LOAD_ENOUGH   0.95            /* of the load wanted: else a note tells */
#define GIVE_UP_NS    (20 * NS_PER_S) /* for what must end of itself */

/* Never more packets on their way than half of those that may wait for their turn at the receiver.
 */
#define WINDOW_MAX 2048u

/* What a datagram costs of a socket's buffer besides its bytes rounded up to a power of two: struct
 * sk_buff with what belongs to it, the headers of UDP and WireGuard.
 */
#define PACKET_ROOM_BYTES 512u

enum {
	KPPS,
	GBPS,
	NS_PER_PACKET,
	P50_US,
	P99_US,
	P999_US,
	LOADED_P99_US,
	LOSS_PERCENT,
	METRICS,
};

/* One row. */
struct pipeline {
	struct report *report;
	unsigned value[PIPELINE_PARAMETERS];
	enum cipher_library cipher;
	double time_s;
	struct rig rig;
	struct traffic *traffic;
	char name[128]; /* in messages */
	double result[METRICS];
};

static int fail(const struct pipeline *p, const char *what)
{
	char drops[512] = "";

	rig_losses_describe(&p->rig, drops, sizeof drops);
	report_progress(p->report, 0, 0, NULL);
	fprintf(stderr, "vtbench: %s: %s%s%s\n", p->name, what, *drops ? "; dropped: " : "", drops);
	return VTBENCH_FAILED;
}

static uint64_t deadline_ns(double seconds)
{
	return clock_boot_ns() + (uint64_t)(seconds * 1e9);
}

/* ---- set up ---- */

/* Packets on their way: what half of the smallest buffer takes. The other half is for what the
 * kernel counts as used after it was read.
 */
static unsigned window_for(const struct rig *rig, unsigned size)
{
	size_t room = 1;

	while (room < size + PACKET_ROOM_BYTES)
		room *= 2;
	size_t packets = rig_room_bytes(rig) / 2 / (room + PACKET_ROOM_BYTES);
	return packets < WINDOW_MAX ? (unsigned)packets : WINDOW_MAX;
}

static int create_rig(struct pipeline *p)
{
	const unsigned *value = p->value;
	const struct rig_settings set = {
		.workers = value[PIPELINE_WORKERS],
		.queues = value[PIPELINE_QUEUES],
		.links = value[PIPELINE_LINKS],
		.peers = value[PIPELINE_PEERS],
		.mtu = value[PIPELINE_SIZE] > MTU_MIN ? value[PIPELINE_SIZE] : MTU_MIN,
		.hand_over = value[PIPELINE_HAND_OVER],
		.busy_poll_us = value[PIPELINE_BUSY_POLL],
		.cipher = p->cipher,
	};

	return rig_create(&p->rig, &set);
}

static int create_traffic(struct pipeline *p)
{
	struct traffic_settings set = {
		.flows = p->value[PIPELINE_FLOWS],
		.size = p->value[PIPELINE_SIZE],
		.segments = p->value[PIPELINE_SUPER],
		.window_pkts = window_for(&p->rig, p->value[PIPELINE_SIZE]),
		.queues = p->value[PIPELINE_QUEUES],
		.source_fd = p->rig.end[RIG_SENDER].queue,
		.sink_fd = rig_delivery_fd(&p->rig),
	};

	if (set.window_pkts < set.segments + 1)
		set.window_pkts = set.segments + 1;
	rig_address(RIG_SENDER, set.from);
	rig_address(RIG_RECEIVER, set.to);
	return traffic_create(&set, &p->traffic);
}

/* ---- throughput ---- */

struct moment {
	uint64_t at_ns, packets, cpu_ns; /* processor time without that of the load */
};

static struct moment take_moment(const struct pipeline *p)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (struct moment){
		.at_ns = measure_now_ns(),
		.packets = traffic_counts(p->traffic).received,
		.cpu_ns = (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec -
	                  traffic_cpu_ns(p->traffic),
	};
}

static int finish_traffic(struct pipeline *p)
{
	traffic_finish(p->traffic);
	bool has_ended = rig_serve(&p->rig, traffic_source_done_fd(p->traffic),
	                           clock_boot_ns() + GIVE_UP_NS);
	traffic_join(p->traffic, !has_ended);
	return has_ended ? VTBENCH_OK : fail(p, "packets are no longer taken from the device");
}

/* For @time_s, and longer if need be: until PACKETS_MIN have arrived. */
static void serve_traffic(struct pipeline *p, double time_s)
{
	uint64_t enough = traffic_counts(p->traffic).received + PACKETS_MIN;
	uint64_t give_up_ns = clock_boot_ns() + GIVE_UP_NS;

	rig_serve(&p->rig, -1, deadline_ns(time_s));
	while (traffic_counts(p->traffic).received < enough && clock_boot_ns() < give_up_ns)
		rig_serve(&p->rig, -1, clock_boot_ns() + NS_PER_MS);
}

static int measure_throughput(struct pipeline *p)
{
	if (traffic_start(p->traffic, 0))
		return fail(p, "cannot start a thread");
	serve_traffic(p, p->time_s / WARM_UP_SHARE);
	struct moment begin = take_moment(p);
	serve_traffic(p, p->time_s);
	struct moment end = take_moment(p);
	int status = finish_traffic(p);

	double packets = (double)(end.packets - begin.packets);
	double took_ns = (double)(end.at_ns - begin.at_ns);
	if (!status && packets == 0)
		status = fail(p, "no packets arrive");
	p->result[KPPS] = 1e6 * packets / took_ns;
	p->result[GBPS] = 8 * p->value[PIPELINE_SIZE] * packets / took_ns;
	p->result[NS_PER_PACKET] = (double)(end.cpu_ns - begin.cpu_ns) / packets;
	return status;
}

/* ---- latency ---- */

/* The @count quantiles @q of round trips of lone packets; fewer than PINGS_MIN are a failure. */
static int measure_pings(struct pipeline *p, unsigned count, const double *q, double *ret_us)
{
	double *us;

	if (traffic_ping(p->traffic, PINGS_MIN, (uint64_t)(p->time_s * 1e9)))
		return fail(p, "cannot start a thread");
	rig_serve(&p->rig, traffic_pings_done_fd(p->traffic), NEVER_NS);
	unsigned len = traffic_join_pings(p->traffic, &us);
	for (unsigned i = 0; i < count; i++)
		ret_us[i] = quantile(us, len, q[i]);
	return len < PINGS_MIN ? fail(p, "lone packets are lost") : VTBENCH_OK;
}

static int measure_alone(struct pipeline *p)
{
	static const double q[] = {0.5, 0.99, 0.999};

	_Static_assert(P99_US == P50_US + 1 && P999_US == P50_US + 2, "as q");
	return measure_pings(p, sizeof q / sizeof *q, q, &p->result[P50_US]);
}

static int measure_loaded(struct pipeline *p)
{
	static const double q[] = {0.99};
	double rate = LOAD_SHARE * 1e3 * p->result[KPPS];

	if (traffic_start(p->traffic, rate))
		return fail(p, "cannot start a thread");
	struct moment begin = take_moment(p);
	int status = measure_pings(p, 1, q, &p->result[LOADED_P99_US]);
	struct moment end = take_moment(p);
	int ended = finish_traffic(p);

	double got =
		1e9 * (double)(end.packets - begin.packets) / (double)(end.at_ns - begin.at_ns);
	if (got < LOAD_ENOUGH * rate)
		report_note(p->report, "%s: the load beside the pings was %.0f kpps, not %.0f",
		            p->name, got / 1e3, rate / 1e3);
	return status ? status : ended;
}

/* ---- a row ---- */

static int check_counts(struct pipeline *p)
{
	struct traffic_counts c = traffic_counts(p->traffic);
	uint64_t sent = c.sent + c.pings, received = c.received + c.pongs, lost = sent - received;
	char text[512] = "";

	p->result[LOSS_PERCENT] = 100 * (double)lost / (double)sent;
	if (lost || c.stalls) {
		rig_losses_describe(&p->rig, text, sizeof text);
		report_note(
			p->report,
			"%s: %ju of %ju packets were lost, %ju of them lone; nothing arrived for "
			"a second %ju times; dropped: %s",
			p->name, (uintmax_t)lost, (uintmax_t)sent, (uintmax_t)(c.pings - c.pongs),
			(uintmax_t)c.stalls, *text ? text : "nothing that counts");
	}
	if (!c.disordered && !c.malformed)
		return VTBENCH_OK;
	snprintf(text, sizeof text,
	         "%ju packets out of order, the last of them behind %ju of %ju; %ju writes "
	         "malformed",
	         (uintmax_t)c.disordered, (uintmax_t)c.disordered_at, (uintmax_t)c.received,
	         (uintmax_t)c.malformed);
	return fail(p, text);
}

static int measure_created(struct pipeline *p)
{
	int status = measure_throughput(p);

	if (!status)
		status = measure_alone(p);
	if (!status)
		status = measure_loaded(p);
	return status;
}

static void add_row(const struct pipeline *p)
{
	char text[PIPELINE_PARAMETERS][16];
	const char *labels[PIPELINE_PARAMETERS];

	for (unsigned i = 0; i < PIPELINE_PARAMETERS; i++) {
		snprintf(text[i], sizeof text[i], "%u", p->value[i]);
		labels[i] = text[i];
	}
	labels[PIPELINE_CRYPTO] = cipher_library_name(p->cipher);
	labels[PIPELINE_HAND_OVER] = p->value[PIPELINE_HAND_OVER] ? "yes" : "no";
	report_add(p->report, labels, p->result);
}

static int measure_row(struct pipeline *p)
{
	int r = create_rig(p), checked = VTBENCH_OK;

	if (!r)
		r = create_traffic(p);
	int status = VTBENCH_FAILED;
	if (r) {
		fprintf(stderr, "vtbench: %s: cannot begin: %s\n", p->name, strerror(-r));
	} else {
		status = measure_created(p);
		checked = check_counts(p);
	}
	rig_stop(&p->rig);
	traffic_destroy(p->traffic);
	rig_destroy(&p->rig);
	if (!status)
		add_row(p);
	return status ? status : checked;
}

/* ---- the subcommand ---- */

static const char *const labels[] = {
	[PIPELINE_CRYPTO] = "crypto",       [PIPELINE_PEERS] = "peers",
	[PIPELINE_LINKS] = "links",         [PIPELINE_QUEUES] = "queues",
	[PIPELINE_WORKERS] = "workers",     [PIPELINE_HAND_OVER] = "hand_over",
	[PIPELINE_BUSY_POLL] = "busy_poll", [PIPELINE_FLOWS] = "flows",
	[PIPELINE_SIZE] = "size",           [PIPELINE_SUPER] = "super",
	[PIPELINE_PARAMETERS] = NULL,
};

static void name_row(struct pipeline *p)
{
	FILE *out = fmemopen(p->name, sizeof p->name, "w");

	if (!out)
		return;
	for (unsigned i = 0; i < PIPELINE_PARAMETERS; i++)
		if (i != PIPELINE_CRYPTO)
			fprintf(out, "%s=%u ", labels[i], p->value[i]);
	fprintf(out, "crypto=%s", cipher_library_name(p->cipher));
	fclose(out);
}

static int measure_all(struct report *r, const struct pipeline_plan *plan)
{
	static struct pipeline p;
	int status = VTBENCH_OK;

	for (unsigned i = 0; i < plan->rows; i++) {
		p = (struct pipeline){.report = r, .time_s = plan->common.time_s};
		pipeline_plan_row(plan, i, p.value);
		enum cipher_library wanted = p.value[PIPELINE_CRYPTO];
		if (cipher_choose(wanted, &p.cipher)) {
			report_note(r, "%s is left out: not built in, or it does not work here",
			            cipher_library_name(wanted));
			continue;
		}
		name_row(&p);
		report_progress(r, i + 1, plan->rows, p.name);
		if (measure_row(&p))
			status = VTBENCH_FAILED;
	}
	return status;
}

int pipeline_main(int argc, char **argv)
{
	static const struct report_metric metrics[] = {
		[KPPS] = {"kpps", "kpps", 1},
		[GBPS] = {"gbps", "Gbit/s", 3},
		[NS_PER_PACKET] = {"ns_per_packet", "ns/packet", 0, .less_is_better = true},
		[P50_US] = {"p50_us", "p50 us", 1, .less_is_better = true},
		[P99_US] = {"p99_us", "p99 us", 1, .less_is_better = true},
		[P999_US] = {"p999_us", "p99.9 us", 1, .less_is_better = true},
		[LOADED_P99_US] = {"loaded_p99_us", "loaded p99", 1, .less_is_better = true},
		[LOSS_PERCENT] = {"loss_percent", "loss %", 4, .less_is_better = true},
		[METRICS] = {0},
	};
	static struct pipeline_plan plan;

	int status = pipeline_plan_init(&plan, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	status = crypto_ready();
	if (status)
		return status;
	rcu_register_thread();
	struct report *r = options_report(&plan.common, "pipeline", labels, metrics);
	status = measure_all(r, &plan);
	int written = options_finish(r, &plan.common, "workers", "kpps");
	rcu_unregister_thread();
	return status ? status : written;
}
