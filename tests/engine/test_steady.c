/* SPDX-License-Identifier: MIT */
/* Nothing is allocated while packets pass. The linker puts our functions in the place of the
 * allocator's for everything linked into this program (--wrap), so each call of the engine is seen;
 * those of shared libraries are not.
 */
#include <sys/uio.h>

#include "../dataplane/engine_rig.h"
#include "../dataplane/ip_rig.h"

enum {
	LINKS = 2,
	WORKERS = 2,
	QUEUES = 2,
	GSO_SIZE = 1300,
	PACKETS_EACH = 40, /* that a super-packet is cut into */
	WARM_UP_PKTS = 4000,
	COUNTED_PKTS = 20000,
};

static atomic_bool is_counting;
static atomic_uint calls;

static void note(void)
{
	if (atomic_load(&is_counting))
		atomic_fetch_add(&calls, 1);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *at);

void *__wrap_malloc(size_t size)
{
	note();
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	note();
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
	note();
	return __real_realloc(at, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	note();
	return __real_aligned_alloc(alignment, size);
}

void __wrap_free(void *at)
{
	note();
	__real_free(at);
}

/* ---- a tunnel ---- */

/* Host @host behind it; it sends super-packets. */
struct side {
	struct rig_end end;
	struct dp_peer *peer;
	struct keypair *kp;
	unsigned host;
	uint32_t next_seq;
	uint64_t received; /* packets, those in super-packets too */
};

static struct side a, b;

static void create(struct side *s, unsigned host, uint32_t local_index, uint32_t remote_index)
{
	struct engine_settings set = rig_settings(WORKERS);
	struct allowedips_entry entry = {{AF_INET, 0, {0}}, NULL};

	s->host = host;
	set.tun.queues = QUEUES;
	set.tun.has_header = true;
	set.tun.takes = (struct coalesce_offload){true, true, true, true};
	rig_create_as(&s->end, set, LINKS, "127.0.0.1:0");
	entry.peer = s->peer = engine_create_peer(s->end.engine, NULL);
	engine_publish_allowedips(s->end.engine, allowedips_build(&entry, 1));
	s->kp = rig_keypair(&s->end, s->peer, true, local_index, remote_index, clock_boot_ns());
	atomic_store(&s->kp->send_lanes, true);
	atomic_store(&s->peer->frames_allowed, true);
	atomic_store(&s->peer->followed_path, PATH_ANY);
	cr_assert(eq(int, engine_enable_reorder(s->peer), 0));
	rig_use_keypair(s->peer, s->kp);
}

static void join(struct side *from, struct side *to)
{
	for (unsigned i = 0; i < LINKS; i++)
		rig_publish_target(&from->end, from->peer, i, i,
		                   &engine_link(to->end.engine, i)->bound);
	rig_publish_paths(from->peer, BONDING_AGGREGATE, LINKS, NULL);
}

static void setup(void)
{
	rig_setup();
	create(&a, 1, 0xa1, 0xb1);
	create(&b, 2, 0xb1, 0xa1);
	join(&a, &b);
	join(&b, &a);
	rig_start(&a.end);
	rig_start(&b.end);
}

static void close_side(struct side *s)
{
	rig_expect_all_home(&s->end);
	rig_strip_peer(&s->end, s->peer, s->kp);
	rig_destroy(&s->end);
	rig_put_peer(s->peer);
}

static void teardown(void)
{
	engine_stop(a.end.engine);
	engine_stop(b.end.engine);
	close_side(&a);
	close_side(&b);
	rig_teardown();
}

TestSuite(steady, .init = setup, .fini = teardown, .timeout = 100);

/* ---- traffic ---- */

/* One super-packet to queue @queue, of a flow of its own. */
static void send_super(struct side *s, unsigned queue)
{
	static uint8_t packet[IP_RIG_PACKET_MAX], payload[PACKETS_EACH * GSO_SIZE];
	struct ip_spec spec = {.protocol = TCP,
	                       .host = {(uint8_t)s->host, (uint8_t)(3 - s->host)},
	                       .ttl = 64,
	                       .port = {(uint16_t)(4000 + queue), 443},
	                       .seq = s->next_seq,
	                       .flags = ACK};
	struct virtio_net_hdr header;
	struct iovec iov[] = {{&header, sizeof header}, {packet, 0}};

	s->next_seq += sizeof payload;
	iov[1].iov_len =
		build_unfinished(packet, &header, &spec, payload, sizeof payload, GSO_SIZE);
	cr_assert(lt(int, 0, (int)writev(s->end.queue[queue], iov, 2)));
}

/* Takes what the engine wrote to the device. */
static void receive(struct side *s)
{
	static uint8_t record[sizeof(struct virtio_net_hdr) + IP_RIG_PACKET_MAX];
	int fd = s->end.queue[dp_peer_queue(s->peer)];
	ssize_t n;

	while ((n = read(fd, record, sizeof record)) > 0) {
		size_t payload_len = (size_t)n - sizeof(struct virtio_net_hdr) - 40;

		s->received += (payload_len + GSO_SIZE - 1) / GSO_SIZE;
	}
}

/* @packets each way, one super-packet for each queue on its way at a time. */
static void pass(uint64_t packets)
{
	uint64_t end_ns = clock_boot_ns() + 60 * NS_PER_S, sent = a.received;

	for (uint64_t last = sent + packets; sent < last;) {
		for (unsigned q = 0; q < QUEUES; q++) {
			send_super(&a, q);
			send_super(&b, q);
			sent += PACKETS_EACH;
		}
		while (a.received < sent || b.received < sent) {
			receive(&a);
			receive(&b);
			rcu_quiescent_state();
			sched_yield();
			if (clock_boot_ns() > end_ns)
				return; /* the caller will see it */
		}
	}
}

Test(steady, nothing_is_allocated_while_packets_pass)
{
	uint64_t before;
	void *volatile proof;

	pass(WARM_UP_PKTS);
	before = a.received;
	atomic_store(&is_counting, true);
	pass(COUNTED_PKTS);
	atomic_store(&is_counting, false);
	cr_expect(le(u64, before + COUNTED_PKTS, a.received));
	cr_expect(eq(u64, a.received, b.received));
	cr_expect(eq(uint, atomic_load(&calls), 0));
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		cr_expect(eq(u64, engine_drops(a.end.engine, i), 0), "%s", drop_name(i));
		cr_expect(eq(u64, engine_drops(b.end.engine, i), 0), "%s", drop_name(i));
	}

	/* The engine's allocations would have been seen. */
	atomic_store(&is_counting, true);
	proof = engine_create_peer(a.end.engine, NULL);
	atomic_store(&is_counting, false);
	cr_expect(eq(uint, atomic_load(&calls), 2));
	dp_peer_put(proof);
}
