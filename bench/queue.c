/* SPDX-License-Identifier: MIT */
/* queue.c - `vtbench queue`: batches handed from one or more threads to another, as the engine
 * does.
 *
 * A producer takes a batch from its own pool, fills in the packets and pushes it; the taker looks
 * at every packet and gives the batch back. An empty pool makes the producer sleep, an empty inbox
 * the taker, unless it is told to stay awake.
 */
#include "base/rcu.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/thread.h"
#include "bench/measure.h"
#include "bench/options.h"
#include "bench/vtbench.h"
#include "dataplane/batch.h"
#include "dataplane/inbox.h"

#define PRODUCERS_MAX    4u
#define PACKET_BYTES     1420u
#define SLOT_BYTES       2048u
#define BATCH_FULL       45u /* packets: what a GRO train of 64 KiB holds */
#define POOL_DEFAULT     64
#define POOL_MAX         4096
#define BUSY_POLL_MAX_US 1000000

struct queue_options {
	struct common_options common;
	double pool, busy_poll_us;
};

struct producer {
	struct thread thread;
	struct batch_pool pool;
	struct queue_work *work;
};

/*   [I] set before the threads start   [P] each by its producer   [T] by the taker, read at the end
 */
struct queue_work {
	struct inbox inbox;
	struct producer producer[PRODUCERS_MAX]; /* [P] */
	unsigned producer_count;                 /* [I] */
	unsigned packets;                        /* [I] in a batch */
	bool taker_sleeps;                       /* [I] when the inbox is empty */
	uint64_t batches;                        /* [I] of each producer, in this sample */
	pthread_barrier_t begin;
	uint64_t took_ns; /* [T] in this sample */
	uint64_t sleeps;  /* [T] over all samples */
	uint64_t taken;   /* [T] batches over all samples */
	uint64_t bytes;   /* [T] that its packets say to hold */
};

/* ---- the threads ---- */

static void produce(void *arg)
{
	struct producer *p = arg;
	struct queue_work *w = p->work;

	pthread_barrier_wait(&w->begin);
	for (uint64_t i = 0; i < w->batches; i++) {
		struct batch *b = batch_get_wait(&p->pool);

		for (unsigned k = 0; k < w->packets; k++)
			batch_append(b, p->pool.stride)->len = PACKET_BYTES;
		inbox_push(&w->inbox, b);
		rcu_quiescent_state();
	}
}

/* How often this thread went to sleep. */
static uint64_t sleeps_so_far(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? 0 : (uint64_t)usage.ru_nvcsw;
}

static void take_one(struct queue_work *w, struct batch *b)
{
	for (unsigned i = 0; i < b->len; i++)
		w->bytes += b->segment[i].len;
	batch_free(b);
	rcu_quiescent_state();
}

static void take_all(void *arg)
{
	struct queue_work *w = arg;
	uint64_t left = w->batches * w->producer_count;

	pthread_barrier_wait(&w->begin);
	uint64_t begin_ns = measure_now_ns(), sleeps = sleeps_so_far();
	w->taken += left;
	while (left > 0) {
		struct batch *b = inbox_take(&w->inbox);

		if (b) {
			take_one(w, b);
			left--;
		} else if (w->taker_sleeps) {
			inbox_wait(&w->inbox);
		} else {
			caa_cpu_relax();
		}
	}
	w->took_ns = measure_now_ns() - begin_ns;
	w->sleeps += sleeps_so_far() - sleeps;
}

/* Without all of its threads a sample can neither begin nor be given up. */
static void start(struct thread *t, const char *name, thread_fn fn, void *arg)
{
	int err = thread_start(t, name, THREAD_WORKER, -1, fn, arg);

	if (!err)
		return;
	fprintf(stderr, "vtbench: cannot start a thread: %s\n", strerror(-err));
	exit(VTBENCH_FAILED);
}

/* One repetition is a batch of every producer. */
static uint64_t hand_over(void *arg, uint64_t repetitions)
{
	struct queue_work *w = arg;
	struct thread taker = {0};

	w->batches = repetitions;
	start(&taker, "taker", take_all, w);
	for (unsigned i = 0; i < w->producer_count; i++)
		start(&w->producer[i].thread, "producer", produce, &w->producer[i]);
	for (unsigned i = 0; i < w->producer_count; i++)
		thread_join(&w->producer[i].thread);
	thread_join(&taker);
	return w->took_ns;
}

/* ---- a row ---- */

static int init_work(struct queue_work *w, const struct queue_options *options)
{
	inbox_init(&w->inbox, (unsigned)options->busy_poll_us);
	pthread_barrier_init(&w->begin, NULL, w->producer_count + 1);
	for (unsigned i = 0; i < w->producer_count; i++) {
		w->producer[i].work = w;
		int err = batch_pool_init(&w->producer[i].pool, (unsigned)options->pool,
		                          BATCH_MAX * SLOT_BYTES, SLOT_BYTES);
		if (err)
			return err;
	}
	return 0;
}

static void fini_work(struct queue_work *w)
{
	for (unsigned i = 0; i < w->producer_count; i++)
		batch_pool_fini(&w->producer[i].pool);
	pthread_barrier_destroy(&w->begin);
}

static void add_row(struct report *r, const struct queue_work *w, const struct measure_task *task)
{
	struct spread ns = measure_spread(task, w->producer_count);
	double sleeps = w->taker_sleeps ? 1e3 * (double)w->sleeps / (double)w->taken : NAN;
	char producers[16], packets[16];

	snprintf(producers, sizeof producers, "%u", w->producer_count);
	snprintf(packets, sizeof packets, "%u", w->packets);
	report_add(r, (const char *[]){w->taker_sleeps ? "sleeps" : "spins", packets, producers},
	           (double[]){ns.median, ns.p10, ns.p90, ns.median / w->packets, sleeps});
}

static int measure_row(struct report *r, bool taker_sleeps, unsigned packets, unsigned producers,
                       const struct queue_options *options)
{
	static struct measure_task task;
	static struct queue_work work;

	work = (struct queue_work){
		.producer_count = producers, .packets = packets, .taker_sleeps = taker_sleeps};
	int err = init_work(&work, options);
	if (err) {
		fprintf(stderr, "vtbench: cannot make the pools: %s\n", strerror(-err));
		fini_work(&work);
		return VTBENCH_FAILED;
	}
	task = (struct measure_task){.run = hand_over, .arg = &work};
	measure(&task, 1, options->common.time_s);
	fini_work(&work);
	if (work.bytes != work.taken * packets * PACKET_BYTES) {
		fputs("vtbench: not every packet was handed over\n", stderr);
		return VTBENCH_FAILED;
	}
	add_row(r, &work, &task);
	return VTBENCH_OK;
}

/* ---- the subcommand ---- */

static int measure_all(struct report *r, const struct queue_options *options)
{
	const unsigned all = 2 * 2 * PRODUCERS_MAX;
	int status = VTBENCH_OK;

	for (unsigned i = 0; i < all && !status; i++) {
		unsigned producers = 1 + i % PRODUCERS_MAX;
		unsigned packets = i / PRODUCERS_MAX % 2 ? BATCH_FULL : 1;

		report_progress(r, i + 1, all, "hand-over");
		status = measure_row(r, i < all / 2, packets, producers, options);
	}
	return status;
}

static const char about[] =
	"The time from batch to batch when as many as possible are handed from one to\n"
	"four threads to another one, and its share per packet. \"sleeps\" are those of a\n"
	"taker that sleeps when there is nothing to take, each of which cost a producer a\n"
	"wake-up.\n";

int queue_main(int argc, char **argv)
{
	static const char *const labels[] = {"taker", "packets", "producers", NULL};
	static const struct report_metric metrics[] = {
		{"ns_per_batch", "ns/batch", 1, .less_is_better = true},
		{"ns_per_batch_p10", "p10", 1, .less_is_better = true, .is_spread = true},
		{"ns_per_batch_p90", "p90", 1, .less_is_better = true, .is_spread = true},
		{"ns_per_packet", "ns/packet", 1, .less_is_better = true},
		{"sleeps_per_1000_batches", "sleeps/1000", 1, .less_is_better = true},
		{0},
	};
	struct queue_options options = {.common.time_s = 0.3, .pool = POOL_DEFAULT};
	const struct option_spec own[] = {
		{"pool", "BATCHES", "of each producer; 1 makes both sides wait for each other",
	         .number = &options.pool, .min = 1, .max = POOL_MAX},
		{"busy-poll", "US", "a taker looks for so long before it sleeps",
	         .number = &options.busy_poll_us, .min = 0, .max = BUSY_POLL_MAX_US},
		{0},
	};
	const struct options_command command = {.name = "queue", .about = about, .own = own};

	int status = options_parse(&command, &options.common, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	rcu_register_thread();
	struct report *r = options_report(&options.common, "queue", labels, metrics);
	status = measure_all(r, &options);
	int written = options_finish(r, &options.common, "producers", "ns_per_batch");
	rcu_unregister_thread();
	return status ? status : written;
}
