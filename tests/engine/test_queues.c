/* SPDX-License-Identifier: MIT */
/* Several dispatchers, each with a queue of the device; and threads that look for work before they
 * sleep. One engine; the peers are played by the test.
 */
#include <dirent.h>
#include <time.h>

#include "../dataplane/engine_rig.h"

enum {
	QUEUES = 3,
	WORKERS = 4,
	PEERS = 6,
	HERE = 1,
	THERE = 2, /* the first peer's host, the others follow */
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x41,
	PER_QUEUE = 1500,
	PACKET = 100,
	POLL_MS = 1,
	IDLE_MS = 200,
};

static struct rig_end end;
static struct dp_peer *peer[PEERS];
static struct keypair *kp[PEERS];
static int far;
static struct endpoint far_at;

static void create(unsigned queues, unsigned busy_poll_us)
{
	struct engine_settings set = rig_settings(WORKERS);

	rig_setup();
	set.tun.queues = queues;
	set.busy_poll_us = busy_poll_us;
	rig_create_as(&end, set, 1, "127.0.0.1:0");
	far = rig_far_socket("127.0.0.1:0", &far_at);
	for (unsigned i = 0; i < PEERS; i++) {
		peer[i] = engine_create_peer(end.engine, NULL);
		atomic_store(&peer[i]->followed_path, PATH_ANY);
		rig_publish_target(&end, peer[i], 0, 0, &far_at);
		rig_publish_paths(peer[i], BONDING_AGGREGATE, 1, NULL);
	}
	rig_publish_allowedips(&end, peer, THERE, PEERS);
}

static void setup(void)
{
	create(QUEUES, 0);
}

static void setup_polling(void)
{
	create(QUEUES, POLL_MS * 1000);
}

static void teardown(void)
{
	engine_stop(end.engine);
	rig_expect_all_home(&end);
	for (unsigned i = 0; i < PEERS; i++)
		rig_strip_peer(&end, peer[i], kp[i]);
	rig_destroy(&end);
	for (unsigned i = 0; i < PEERS; i++)
		rig_put_peer(peer[i]);
	close(far);
	rig_teardown();
}

TestSuite(queues, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(busy_poll, .init = setup_polling, .fini = teardown, .timeout = 60);

static void begin_session(unsigned who)
{
	kp[who] = rig_keypair(&end, peer[who], false, INDEX_HERE + who, INDEX_THERE + who,
	                      clock_boot_ns());
	rig_use_keypair(peer[who], kp[who]);
}

static void write_to(unsigned queue, uint32_t seq)
{
	uint8_t packet[PACKET];

	rig_packet(packet, 4, HERE, THERE, seq | queue << 24, PACKET);
	cr_assert(eq(int, (int)write(end.queue[queue], packet, PACKET), PACKET));
}

/* Reads @count packets of each queue: each queue's in order from @next on, all counters from @first
 * on used once.
 */
static void expect_from_all(unsigned count, uint32_t *next, uint64_t first)
{
	static bool is_used[QUEUES * PER_QUEUE];
	uint64_t last[QUEUES] = {0};

	memset(is_used, 0, sizeof is_used);
	for (unsigned i = 0; i < QUEUES * count; i++) {
		uint8_t got[RIG_DATAGRAM], want[PACKET];
		uint64_t counter;
		unsigned queue;
		uint32_t seq;

		rig_unseal(far, INDEX_THERE, &counter, got);
		queue = got[20];
		cr_assert(lt(uint, queue, QUEUES));
		seq = load_be32(got + 20) & 0xffffff;
		cr_assert(eq(u32, seq, next[queue]), "queue %u", queue);
		rig_packet(want, 4, HERE, THERE, seq | queue << 24, PACKET);
		ASSERT_BYTES(got, want, PACKET);
		next[queue]++;
		cr_assert(le(u64, last[queue], counter), "numbers of a flow rise");
		last[queue] = counter;
		counter -= first;
		cr_assert(lt(u64, counter, QUEUES * count));
		cr_assert(not(is_used[counter]));
		is_used[counter] = true;
	}
}

/* They are there before the engine runs, so that all dispatchers are at it at once. */
Test(queues, packets_of_a_queue_stay_in_order_and_no_number_is_used_twice)
{
	uint32_t next[QUEUES] = {0};

	begin_session(0);
	for (uint32_t i = 0; i < PER_QUEUE; i++)
		for (unsigned q = 0; q < QUEUES; q++)
			write_to(q, i);
	rig_start(&end);
	expect_from_all(PER_QUEUE, next, 0);
	rig_expect_drops(&end, DROP_REASON_COUNT, 0);
}

static unsigned reads_waiting(unsigned queue)
{
	return atomic_load(&end.engine->dispatcher[queue].reads.waiting[0]);
}

Test(queues, kick_reaches_what_is_staged_for_every_queue)
{
	uint32_t next[QUEUES] = {0};

	rig_start(&end);
	for (unsigned round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 10; i++)
			for (unsigned q = 0; q < QUEUES; q++)
				write_to(q, round * 10 + i);
		rig_until(engine_staged(peer[0]) == QUEUES * 10);
		for (unsigned q = 0; q < QUEUES; q++)
			cr_expect(eq(uint, reads_waiting(q), 10));
		begin_session(0);
		engine_kick(peer[0]);
		expect_from_all(10, next, 0);
		rig_until(engine_staged(peer[0]) == 0);
		rig_use_keypair(peer[0], NULL);
		cr_assert(index_remove(engine_index(end.engine), kp[0]));
		keypair_put(kp[0]);
		kp[0] = NULL;
	}
}

/* Whichever queues they came from: the newest of each up to the last one, in their order. */
Test(queues, newest_packets_are_kept_of_all_queues_together)
{
	unsigned count[QUEUES];

	rig_start(&end);
	for (uint32_t i = 0; i < STAGED_MAX + 50; i++)
		for (unsigned q = 0; q < QUEUES; q++)
			write_to(q, i);
	rig_until(engine_drops(end.engine, DROP_STAGED_FULL) ==
	          QUEUES * (STAGED_MAX + 50) - STAGED_MAX);
	cr_expect(eq(u64, engine_staged(peer[0]), STAGED_MAX));
	for (unsigned q = 0; q < QUEUES; q++)
		count[q] = reads_waiting(q);
	begin_session(0);
	engine_kick(peer[0]);
	for (unsigned i = 0; i < STAGED_MAX; i++) {
		uint8_t got[RIG_DATAGRAM];
		uint64_t counter;
		unsigned queue;

		rig_unseal(far, INDEX_THERE, &counter, got);
		cr_expect(eq(u64, counter, i));
		queue = got[20];
		cr_assert(lt(uint, queue, QUEUES));
		cr_expect(eq(u32, load_be32(got + 20) & 0xffffff, STAGED_MAX + 50 - count[queue]));
		count[queue]--;
	}
	for (unsigned q = 0; q < QUEUES; q++)
		cr_expect(eq(uint, count[q], 0));
}

static void send_seq(unsigned who, uint64_t counter)
{
	uint8_t packet[PACKET], datagram[RIG_DATAGRAM];
	size_t len = rig_packet(packet, 4, THERE + who, HERE, (uint32_t)counter, PACKET);

	rig_send(far, &engine_link(end.engine, 0)->bound, datagram,
	         rig_seal(datagram, INDEX_HERE + who, counter, packet, len));
}

/* Whoever delivers them: a packet alone is delivered by the RX thread, of many the workers. */
Test(queues, what_a_peer_sends_is_delivered_to_one_queue_in_order)
{
	uint64_t next[PEERS] = {0};

	for (unsigned i = 0; i < PEERS; i++)
		begin_session(i);
	rig_start(&end);
	for (unsigned i = 0; i < 300; i++) {
		for (unsigned who = 0; who < PEERS; who++)
			send_seq(who, i);
		if (i % 50)
			continue;
		for (unsigned who = 0; who < PEERS; who++)
			rig_until(counter_read(&peer[who]->path[0].rx_packets) == i + 1);
	}
	for (unsigned left = 300 * PEERS; left; left--) {
		struct pollfd p[QUEUES];
		uint8_t got[RIG_DATAGRAM];
		unsigned q = 0, who;

		for (unsigned k = 0; k < QUEUES; k++)
			p[k] = (struct pollfd){.fd = end.queue[k], .events = POLLIN};
		rcu_thread_offline();
		cr_assert(lt(int, 0, poll(p, QUEUES, RIG_WAIT_MS)), "%u are missing", left);
		rcu_thread_online();
		while (!p[q].revents)
			q++;
		cr_assert(eq(int, (int)read(end.queue[q], got, sizeof got), PACKET));
		who = got[15] - THERE;
		cr_assert(lt(uint, who, PEERS));
		cr_assert(eq(uint, q, dp_peer_queue(peer[who])), "peer %u", who);
		cr_assert(eq(u64, load_be32(got + 20), next[who]));
		next[who]++;
	}
	rig_expect_drops(&end, DROP_REASON_COUNT, 0);
}

/* How many threads of this process have that name. */
static unsigned threads_called(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	unsigned count = 0;

	while ((task = readdir(tasks))) {
		char path[300], text[32] = "";
		FILE *comm;

		snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
		comm = fopen(path, "r");
		if (!comm)
			continue;
		if (fgets(text, sizeof text, comm) && strcspn(text, "\n") == strlen(name))
			count += !strncmp(text, name, strlen(name));
		fclose(comm);
	}
	closedir(tasks);
	return count;
}

Test(queues, dispatchers_have_names_of_their_own)
{
	rig_start(&end);
	for (unsigned i = 0; i < QUEUES + 1; i++) {
		char name[32];

		snprintf(name, sizeof name, "vt-tun-%u", i);
		rig_until(threads_called(name) == (i < QUEUES)); /* it names itself */
	}
}

/* ---- busy polling ---- */

static uint64_t cpu_ns(const struct thread *thread)
{
	struct timespec t;
	clockid_t clock;

	cr_assert(eq(int, pthread_getcpuclockid(thread->handle, &clock), 0));
	cr_assert(eq(int, clock_gettime(clock, &t), 0));
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Of all threads of the engine. */
static uint64_t engine_cpu_ns(void)
{
	uint64_t sum = cpu_ns(&engine_link(end.engine, 0)->thread);

	for (unsigned i = 0; i < QUEUES; i++)
		sum += cpu_ns(&end.engine->dispatcher[i].thread);
	for (unsigned i = 0; i < WORKERS; i++)
		sum += cpu_ns(&end.engine->work.worker[i].thread);
	return sum;
}

static void pass_time(unsigned ms)
{
	rig_is_readable(-1, (int)ms);
}

/* Eight threads that went on looking would use as much time as there is. */
Test(busy_poll, engine_at_rest_uses_no_time_once_it_has_looked_for_long_enough)
{
	uint32_t next[QUEUES] = {0};
	uint64_t before_ns;

	begin_session(0);
	rig_start(&end);
	for (uint32_t i = 0; i < 100; i++)
		for (unsigned q = 0; q < QUEUES; q++)
			write_to(q, i);
	expect_from_all(100, next, 0);
	pass_time(IDLE_MS);
	before_ns = engine_cpu_ns();
	pass_time(IDLE_MS);
	cr_expect(lt(u64, engine_cpu_ns() - before_ns, IDLE_MS * NS_PER_MS / 20));
}

Test(busy_poll, packets_pass_both_ways_in_order)
{
	uint32_t next[QUEUES] = {0};

	begin_session(0);
	rig_start(&end);
	for (unsigned round = 0; round < 30; round++) {
		for (uint32_t i = 0; i < 30; i++) {
			for (unsigned q = 0; q < QUEUES; q++)
				write_to(q, round * 30 + i);
			send_seq(0, round * 30 + i);
		}
		expect_from_all(30, next, (uint64_t)round * 30 * QUEUES);
		for (uint32_t i = 0; i < 30; i++) {
			int fd = end.queue[dp_peer_queue(peer[0])];
			uint8_t got[RIG_DATAGRAM];

			cr_assert(rig_is_readable(fd, RIG_WAIT_MS));
			cr_assert(eq(int, (int)read(fd, got, sizeof got), PACKET));
			cr_assert(eq(u32, load_be32(got + 20), round * 30 + i));
		}
	}
	rig_expect_drops(&end, DROP_REASON_COUNT, 0);
}

static void setup_polling_for_an_hour(void)
{
	create(QUEUES, 3600u * 1000000);
}

TestSuite(endless_poll, .init = setup_polling_for_an_hour, .fini = teardown, .timeout = 60);

/* It ends in the suite's teardown, which its timeout guards; meanwhile grace periods pass, and
 * kicks are heeded.
 */
Test(endless_poll, engine_that_always_looks_holds_nobody_up)
{
	uint32_t next[QUEUES] = {0};

	rig_start(&end);
	for (uint32_t i = 0; i < 10; i++)
		for (unsigned q = 0; q < QUEUES; q++)
			write_to(q, i);
	rig_until(engine_staged(peer[0]) == QUEUES * 10);
	begin_session(0);
	engine_kick(peer[0]);
	expect_from_all(10, next, 0);
	send_seq(0, 0);
	cr_expect(rig_is_readable(end.queue[dp_peer_queue(peer[0])], RIG_WAIT_MS));
	synchronize_rcu();
	rig_until(engine_staged(peer[0]) == 0);
}
