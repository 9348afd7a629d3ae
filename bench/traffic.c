/* SPDX-License-Identifier: MIT */
#include "bench/traffic.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/thread.h"
#include "bench/flow.h"
#include "bench/measure.h"
#include "vtrunkd/limits.h"

#define PACKET_MAX     65535u
#define WRITE_MAX      (sizeof(struct virtio_net_hdr) + PACKET_MAX)
#define STALL_MS       1000 /* nothing arrives for so long: what is on its way is lost */
#define TICK_NS        (100 * NS_PER_US) /* a source with a rate sends what is due so often ... */
#define LATE_MAX_NS    (10 * NS_PER_MS)  /* ... and does not make up for more */
#define SAMPLES_MAX    200000u
#define PINGS_LOST_MAX 10u /* then they end */

/*   [I] set before the threads start   [S] source   [K] sink   [P] pings   [A] any, atomic
 *   [M] the thread that created it
 */
struct traffic {
	struct traffic_settings set;       /* [I] */
	unsigned payload;                  /* [I] bytes in each packet */
	struct thread source, sink, pings; /* [M] */
	int source_done_fd, pings_done_fd; /* [I] eventfds */
	int credit_fd;                     /* [I] eventfd: the source may go on */
	int pong_fd;                       /* [I] eventfd: a ping arrived */
	struct flow *flow;                 /* [S] set.flows of them, then [P] that of the pings */
	uint8_t *zeros;                    /* [I] payload of a super-packet */
	uint8_t *landing;                  /* [K] WRITE_MAX */
	uint32_t *expected;                /* [K] per flow: sequence number of the next byte */

	double rate;          /* [I] of the source; 0: as fast as possible */
	uint64_t written_off; /* [S] packets that will not come */
	unsigned samples_min; /* [I] of the pings */
	uint64_t pings_ns;    /* [I] */
	double *sample;       /* [P] SAMPLES_MAX */
	unsigned sample_count;

	_Atomic bool is_finishing;
	_Atomic uint64_t sent;     /* [A] the source writes */
	_Atomic uint64_t received; /* [A] the sink writes */
	_Atomic uint64_t wake_at;  /* [A] the source sleeps until so many were received */
	_Atomic uint64_t pong_ns;  /* [A] when the newest ping arrived */
	_Atomic uint32_t pong_seq; /* [A] and its sequence number */
	_Atomic uint64_t ping_count, pongs, disordered, malformed;
	_Atomic uint64_t stalls;        /* [A] as in struct traffic_counts */
	_Atomic uint64_t disordered_at; /* [A] packets received before the newest of those */
};

static void raise_fd(int fd)
{
	uint64_t one = 1;

	/* Can only fail when the counter is full: then it is readable anyway. */
	if (write(fd, &one, sizeof one) < 0)
		return;
}

static void lower_fd(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof count) < 0)
		return; /* it was not raised */
}

/* True when @fd was raised within @timeout_ms. */
static bool await_fd(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	lower_fd(fd);
	return true;
}

/* ---- source ---- */

/* Sleeps until at most @most packets are on their way. When nothing arrives any more they are lost.
 */
static void await_credit(struct traffic *t, uint64_t most)
{
	uint64_t sent = atomic_load_explicit(&t->sent, memory_order_relaxed) - t->written_off;
	uint64_t received;

	/* Sequentially consistent: either the sink sees what we wait for or we see what it
	 * received.
	 */
	while (sent > most && (received = atomic_load(&t->received)) < sent - most) {
		atomic_store(&t->wake_at, sent - most);
		if (atomic_load(&t->received) >= sent - most || await_fd(t->credit_fd, STALL_MS))
			continue;
		if (atomic_load(&t->received) == received) {
			t->written_off += sent - received;
			atomic_fetch_add(&t->stalls, 1);
			return;
		}
	}
}

static bool has_credit(const struct traffic *t, unsigned packets)
{
	uint64_t sent = atomic_load_explicit(&t->sent, memory_order_relaxed);
	uint64_t back = atomic_load_explicit(&t->received, memory_order_relaxed) + t->written_off;

	/* More may have come back than is missing: what was given up arrived after all. */
	return back >= sent || sent - back + packets <= t->set.window_pkts;
}

/* Sleeps until the next packets are due by @t->rate, at most @packets, and tells when those after
 * them are.
 */
static void await_turn(const struct traffic *t, unsigned packets, uint64_t *due_ns)
{
	uint64_t now_ns = measure_now_ns();

	if (*due_ns + LATE_MAX_NS < now_ns)
		*due_ns = now_ns - LATE_MAX_NS;
	if (*due_ns > now_ns) {
		uint64_t at_ns = *due_ns + TICK_NS;
		struct timespec at = {(time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S)};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	*due_ns += (uint64_t)(packets * 1e9 / t->rate);
}

static void source_main(void *arg)
{
	struct traffic *t = arg;
	unsigned packets = t->set.segments ? t->set.segments : 1;
	uint64_t due_ns = measure_now_ns();
	bool is_open = true;

	for (unsigned i = 0; is_open && !atomic_load(&t->is_finishing);
	     i = (i + 1) % t->set.flows) {
		if (t->rate > 0)
			await_turn(t, packets, &due_ns);
		if (!has_credit(t, packets))
			await_credit(t, t->set.window_pkts / 2);
		is_open = flow_send(&t->flow[i], packets, t->payload, t->zeros);
		atomic_fetch_add_explicit(&t->sent, packets, memory_order_relaxed);
	}
	await_credit(t, 0);
	raise_fd(t->source_done_fd);
}

int traffic_start(struct traffic *t, double rate)
{
	t->rate = rate;
	atomic_store(&t->is_finishing, false);
	return thread_start(&t->source, "source", THREAD_HELPER, -1, source_main, t);
}

void traffic_finish(struct traffic *t)
{
	atomic_store(&t->is_finishing, true);
}

void traffic_join(struct traffic *t, bool by_force)
{
	for (unsigned i = 0; by_force && i < t->set.queues; i++)
		shutdown(t->set.source_fd[i], SHUT_RDWR);
	thread_join(&t->source);
	lower_fd(t->source_done_fd);
}

/* ---- pings ---- */

/* Sends one and waits for it; false when it is lost. */
static bool ping_once(struct traffic *t)
{
	struct flow *f = &t->flow[t->set.flows];
	uint32_t seq = f->seq;
	uint64_t sent_ns = measure_now_ns();

	atomic_fetch_add(&t->ping_count, 1);
	if (!flow_send(f, 1, t->payload, t->zeros))
		return false;
	do {
		if (!await_fd(t->pong_fd, STALL_MS))
			return false;
	} while (atomic_load(&t->pong_seq) != seq);
	t->sample[t->sample_count++] = (double)(atomic_load(&t->pong_ns) - sent_ns) / NS_PER_US;
	return true;
}

static void pings_main(void *arg)
{
	struct traffic *t = arg;
	uint64_t end_ns = measure_now_ns() + t->pings_ns;
	unsigned lost = 0;

	while (t->sample_count < SAMPLES_MAX && lost < PINGS_LOST_MAX &&
	       (t->sample_count < t->samples_min || measure_now_ns() < end_ns))
		lost += !ping_once(t);
	atomic_fetch_add(&t->stalls, lost);
	raise_fd(t->pings_done_fd);
}

int traffic_ping(struct traffic *t, unsigned samples, uint64_t time_ns)
{
	t->samples_min = samples;
	t->pings_ns = time_ns;
	t->sample_count = 0;
	return thread_start(&t->pings, "pings", THREAD_HELPER, -1, pings_main, t);
}

unsigned traffic_join_pings(struct traffic *t, double **ret_us)
{
	thread_join(&t->pings);
	lower_fd(t->pings_done_fd);
	*ret_us = t->sample;
	return t->sample_count;
}

/* ---- sink ---- */

/* How many packets of which flow a write holds; 0 when it is none of ours. */
static unsigned count_packets(const struct traffic *t, const uint8_t *at, size_t len,
                              unsigned *ret_flow)
{
	const uint8_t *ip = at + sizeof(struct virtio_net_hdr);
	struct virtio_net_hdr header;
	unsigned packets;

	if (len < sizeof header + FLOW_HEADERS)
		return 0;
	memcpy(&header, at, sizeof header);
	len -= sizeof header;
	packets = (unsigned)(len - FLOW_HEADERS) / t->payload;
	*ret_flow = load_be16(ip + FLOW_IPV4_LEN) - FLOW_PORT_BASE;
	if (ip[0] != 0x45 || load_be16(ip + 2) != len || *ret_flow > t->set.flows ||
	    len != FLOW_HEADERS + (size_t)packets * t->payload)
		return 0;
	if (packets == 1)
		return header.gso_type == VIRTIO_NET_HDR_GSO_NONE;
	return header.gso_type == VIRTIO_NET_HDR_GSO_TCPV4 && header.gso_size == t->payload
	               ? packets
	               : 0;
}

/* A gap may be a loss, which the totals tell; what comes behind a later one is out of order. */
static void check_order(struct traffic *t, unsigned flow, uint32_t seq, unsigned packets)
{
	if ((int32_t)(seq - t->expected[flow]) >= 0) {
		t->expected[flow] = seq + packets * t->payload;
		return;
	}
	atomic_fetch_add_explicit(&t->disordered, packets, memory_order_relaxed);
	atomic_store(&t->disordered_at, atomic_load(&t->received));
}

static void note_received(struct traffic *t, unsigned packets)
{
	uint64_t received = atomic_fetch_add(&t->received, packets) + packets;

	if (received >= atomic_load(&t->wake_at) &&
	    atomic_exchange(&t->wake_at, UINT64_MAX) != UINT64_MAX)
		raise_fd(t->credit_fd);
}

static void take_write(struct traffic *t, size_t len)
{
	const uint8_t *tcp = t->landing + sizeof(struct virtio_net_hdr) + FLOW_IPV4_LEN;
	unsigned flow, packets = count_packets(t, t->landing, len, &flow);

	if (!packets) {
		atomic_fetch_add_explicit(&t->malformed, 1, memory_order_relaxed);
		return;
	}
	check_order(t, flow, load_be32(tcp + 4), packets);
	if (flow < t->set.flows) {
		note_received(t, packets);
		return;
	}
	atomic_fetch_add(&t->pongs, 1);
	atomic_store(&t->pong_ns, measure_now_ns());
	atomic_store(&t->pong_seq, load_be32(tcp + 4));
	raise_fd(t->pong_fd);
}

static void sink_main(void *arg)
{
	struct traffic *t = arg;
	ssize_t n;

	do {
		n = recv(t->set.sink_fd, t->landing, WRITE_MAX, 0);
		if (n > 0)
			take_write(t, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
}

/* ---- all ---- */

static int open_event(int *ret)
{
	*ret = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *ret < 0 ? -errno : 0;
}

static int allocate(struct traffic *t)
{
	unsigned flows = t->set.flows + 1;

	t->flow = calloc(flows, sizeof *t->flow);
	t->expected = calloc(flows, sizeof *t->expected);
	t->zeros = calloc(1, PACKET_MAX);
	t->landing = malloc(WRITE_MAX);
	t->sample = malloc(SAMPLES_MAX * sizeof *t->sample);
	if (!t->flow || !t->expected || !t->zeros || !t->landing || !t->sample)
		return -ENOMEM;
	for (unsigned i = 0; i < flows; i++)
		flow_init(&t->flow[i], i, t->set.source_fd[i % t->set.queues], t->set.from,
		          t->set.to);
	return 0;
}

int traffic_create(const struct traffic_settings *set, struct traffic **ret)
{
	struct traffic *t = calloc(1, sizeof *t);
	int r;

	if (!t)
		return -ENOMEM;
	t->set = *set;
	t->payload = set->size - FLOW_HEADERS;
	t->source_done_fd = t->pings_done_fd = t->credit_fd = t->pong_fd = -1;
	atomic_init(&t->wake_at, UINT64_MAX);
	r = allocate(t);
	if (!r)
		r = open_event(&t->source_done_fd);
	if (!r)
		r = open_event(&t->pings_done_fd);
	if (!r)
		r = open_event(&t->credit_fd);
	if (!r)
		r = open_event(&t->pong_fd);
	if (!r)
		r = thread_start(&t->sink, "sink", THREAD_HELPER, -1, sink_main, t);
	if (r)
		traffic_destroy(t);
	else
		*ret = t;
	return r;
}

void traffic_destroy(struct traffic *t)
{
	if (!t)
		return;
	if (t->sink.running)
		shutdown(t->set.sink_fd, SHUT_RDWR);
	thread_join(&t->sink);
	const int fds[] = {t->source_done_fd, t->pings_done_fd, t->credit_fd, t->pong_fd};
	for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(t->flow);
	free(t->expected);
	free(t->zeros);
	free(t->landing);
	free(t->sample);
	free(t);
}

int traffic_source_done_fd(const struct traffic *t)
{
	return t->source_done_fd;
}

int traffic_pings_done_fd(const struct traffic *t)
{
	return t->pings_done_fd;
}

static uint64_t thread_cpu_ns(const struct thread *thread)
{
	struct timespec used;
	clockid_t clock;

	if (!thread->running || pthread_getcpuclockid(thread->handle, &clock) ||
	    clock_gettime(clock, &used))
		return 0;
	return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

uint64_t traffic_cpu_ns(const struct traffic *t)
{
	return thread_cpu_ns(&t->source) + thread_cpu_ns(&t->sink);
}

struct traffic_counts traffic_counts(const struct traffic *t)
{
	return (struct traffic_counts){
		.sent = atomic_load(&t->sent),
		.received = atomic_load(&t->received),
		.pings = atomic_load(&t->ping_count),
		.pongs = atomic_load(&t->pongs),
		.stalls = atomic_load(&t->stalls),
		.disordered = atomic_load(&t->disordered),
		.disordered_at = atomic_load(&t->disordered_at),
		.malformed = atomic_load(&t->malformed),
	};
}
