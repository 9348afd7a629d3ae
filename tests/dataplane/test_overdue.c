/* SPDX-License-Identifier: MIT */
/* Packets that wait for their turn, and when they are looked at again: a real engine whose peer is
 * the test, which seals what it sends.
 */
#include <dirent.h>

#include "inbound_rig.h"

static void setup(void)
{
	inbound_open(1);
	cr_assert(eq(int, engine_enable_reorder(peer), 0));
}

TestSuite(overdue, .init = setup, .fini = inbound_teardown, .timeout = 60);

static void expect_in_any_order(uint32_t first, uint32_t second)
{
	uint8_t packet[RIG_DATAGRAM];
	size_t len = rig_read(&ours, packet);
	uint32_t seq = rig_flow_seq(packet, len, THERE, HERE);

	cr_expect(seq == first || seq == second, "%u", seq);
	expect_seq(first + second - seq);
}

/* Number 1 is missing, and nothing else comes that would make anybody look. */
Test(overdue, gap_is_given_up_though_nothing_comes)
{
	cr_assert(eq(int, engine_enable_reorder(peer), 0)); /* again: nothing to do */
	send_seq(0, 0, 0);
	expect_seq(0);
	send_seq(1, 2, 2);
	send_seq(1, 3, 3);
	expect_seq(2);
	expect_seq(3);
	rig_until(alarm_at_ns(&peer->overdue) == NEVER_NS);
	send_seq(0, 1, 1); /* late, yet not lost */
	expect_seq(1);
	expect_only(DROP_REASON_COUNT, 0);
}

/* Delivers number @counter over @path at @time_ns, by hand: the engine has stopped. */
static void deliver_at(unsigned path, uint64_t counter, uint64_t time_ns)
{
	struct dp_thread *self = &ours.engine->control;
	struct batch *b = batch_get(&self->pool);
	struct segment *seg = batch_append(b, self->pool.stride);
	uint8_t packet[RIG_MTU];
	size_t len = rig_flow_packet(packet, THERE, HERE, (uint32_t)counter);

	b->kind = BATCH_OPEN;
	cr_assert(keypair_get(kp));
	b->keypair = kp;
	b->peer = dp_peer_get(peer);
	b->route = (struct route){.link = engine_link(ours.engine, path), .remote = far_at[path]};
	b->time_ns = time_ns;
	seg->len = (uint16_t)rig_seal(segment_header(b, seg), INDEX_HERE, counter, packet, len);
	sequencer_enter(&peer->arriving, &b->order);
	work_run(self, b);
}

/* Whether the worker was told to look at the peer's alarms sooner than it would. */
static bool is_told(void)
{
	struct alarms *alarms = &ours.engine->work.worker[0].alarms;

	return !cds_wfcq_empty(&alarms->told_head, &alarms->told_tail);
}

/* What the worker does at @now_ns. Returns when it will look next. */
static uint64_t ring_alarms(uint64_t now_ns)
{
	struct alarms *alarms = &ours.engine->work.worker[0].alarms;

	alarms_take(alarms);
	alarms_run(alarms, now_ns);
	return alarms_take(alarms);
}

/* The worker sleeps until a gap's deadline; then the other path passes the gap, which needs to wait
 * for what was learnt from late packets only.
 */
Test(overdue, an_earlier_end_of_the_wait_is_told)
{
	static const uint32_t order[] = {0, 1, 3, 4, 2, 6, 7, 8, 9};
	const uint64_t wait_ns = 25 * NS_PER_MS, margin_ns = 10200 * NS_PER_US;
	uint64_t now_ns = clock_boot_ns() + NS_PER_S;

	engine_stop(ours.engine);
	deliver_at(0, 0, now_ns);
	deliver_at(1, 1, now_ns);
	deliver_at(0, 3, now_ns);
	deliver_at(0, 4, now_ns + wait_ns); /* gives up 2 */
	deliver_at(1, 2, now_ns += wait_ns + 20 * NS_PER_MS);
	cr_assert(eq(u64, ring_alarms(now_ns), NEVER_NS));

	deliver_at(0, 6, now_ns);
	cr_expect(is_told());
	cr_expect(eq(u64, ring_alarms(now_ns), now_ns + wait_ns + margin_ns));
	deliver_at(0, 7, now_ns);
	cr_expect(not(is_told()), "nothing new");
	deliver_at(1, 8, now_ns + NS_PER_MS);
	cr_expect(is_told());
	cr_expect(eq(u64, ring_alarms(now_ns + NS_PER_MS), now_ns + NS_PER_MS + margin_ns));
	deliver_at(1, 9, now_ns + NS_PER_MS + margin_ns);
	cr_expect(not(is_told()), "all went");
	cr_expect(eq(u64, alarm_at_ns(&peer->overdue), NEVER_NS));
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		expect_seq(order[i]);
	expect_only(DROP_REASON_COUNT, 0);
}

/* Whether the thread called @name of this process sleeps, and how often it has gone to sleep. */
static bool is_sleeping(const char *name, unsigned long *sleeps)
{
	char path[300], line[100], state = 0;
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;

	*sleeps = 0;
	cr_assert(ne(ptr, tasks, NULL));
	while ((task = readdir(tasks))) {
		bool is_it = false;
		FILE *f;

		snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof line, f)) {
			is_it |= strncmp(line, "Name:\t", 6) == 0 &&
			         strncmp(line + 6, name, strlen(name)) == 0;
			if (is_it) {
				sscanf(line, "State: %c", &state);
				sscanf(line, "voluntary_ctxt_switches: %lu", sleeps);
			}
		}
		if (f)
			fclose(f);
	}
	closedir(tasks);
	return state == 'S';
}

/* The wait was over before its time: the worker looks once, finds nothing, and goes on to sleep. */
Test(overdue, worker_does_not_wake_when_nothing_waits)
{
	unsigned long before, after;

	send_seq(0, 0, 0);
	expect_seq(0); /* the links are read by threads of their own */
	send_seq(1, 2, 2);
	send_seq(0, 1, 1);
	expect_in_any_order(1, 2); /* a machine that stands still gives the gap up */
	rig_until(alarm_at_ns(&peer->overdue) == NEVER_NS);
	rig_take_events(&ours); /* they hold the peer */
	rig_until(reference_count(&peer->references) == 1);
	rig_until(inbox_is_asleep(&ours.engine->work.worker[0].inbox) &&
	          is_sleeping("vt-crypto-0", &before));
	cr_assert(lt(ulong, 0, before));
	rig_is_readable(-1, 300);
	cr_expect(is_sleeping("vt-crypto-0", &after));
	cr_expect(eq(ulong, after, before));
	expect_only(DROP_REASON_COUNT, 0);
}
