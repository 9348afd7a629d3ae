/* SPDX-License-Identifier: MIT */
#include "bench/udp_flood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/wait.h"

#define PORT  6001
#define BATCH 64 /* messages per system call; not tuned */
#define RECEIVE_BUFFER \
	(16 << 20)          /* bytes, so that the receiver's turn on a busy core loses little */
#define SILENCE_MS      200 /* after which nothing more is expected */
#define FINISH_LIMIT_NS (5 * NS_PER_SECOND)

/* Each count is written by one process; read after that process has ended. */
struct udp_flood_counts {
	uint64_t sent;     /* by the sender */
	uint64_t received; /* by the receiver */
	uint64_t in_window;
};

/* What the children are given. */
struct job {
	int fd;
	struct udp_flood *flood;
};

static struct sockaddr_in endpoint_of(uint32_t address)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {.s_addr = address}};
}

/* ---- the processes ---- */

/* A connected socket may report that a packet before was refused: that one is lost, no more. */
static int send_all(void *arg)
{
	struct job *job = arg;
	char payload[UDP_FLOOD_PAYLOAD_BYTES] = {0};
	struct iovec iov = {payload, sizeof payload};
	struct mmsghdr batch[BATCH];

	for (unsigned i = 0; i < BATCH; i++)
		batch[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	while (wait_now_ns() < job->flood->end_ns) {
		int sent = sendmmsg(job->fd, batch, BATCH, 0);

		if (sent > 0)
			job->flood->counts->sent += (uint64_t)sent;
		else if (errno != ENOBUFS && errno != ECONNREFUSED && errno != EAGAIN)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static int receive_all(void *arg)
{
	struct job *job = arg;
	const struct udp_flood *flood = job->flood;
	static char payload[BATCH][UDP_FLOOD_PAYLOAD_BYTES];
	struct iovec iov[BATCH];
	struct mmsghdr batch[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){payload[i], UDP_FLOOD_PAYLOAD_BYTES};
		batch[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
	}
	for (;;) {
		int got = recvmmsg(job->fd, batch, BATCH, MSG_WAITFORONE, NULL);
		uint64_t now_ns = wait_now_ns();

		if (got > 0) {
			flood->counts->received += (uint64_t)got;
			if (now_ns >= flood->begin_ns && now_ns < flood->end_ns)
				flood->counts->in_window += (uint64_t)got;
		} else if (errno != EAGAIN && errno != EINTR) {
			return EXIT_FAILURE;
		} else if (now_ns >= flood->end_ns) {
			return EXIT_SUCCESS;
		}
	}
}

/* ---- life ---- */

static int open_sender(const struct netns *host, uint32_t address)
{
	struct sockaddr_in to = endpoint_of(address);
	int fd = netns_socket(host, AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to)) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int open_receiver(const struct netns *host, uint32_t address)
{
	struct sockaddr_in at = endpoint_of(address);
	struct timeval silence = {.tv_usec = SILENCE_MS * 1000};
	int size = RECEIVE_BUFFER, fd = netns_socket(host, AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return fd;
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) &&
	    !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) &&
	    !bind(fd, (struct sockaddr *)&at, sizeof at))
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

/* The children keep copies of the sockets. */
static int start_both(struct udp_flood *flood, int sender, int receiver, unsigned seconds)
{
	flood->begin_ns = wait_deadline_ns(UDP_FLOOD_WARM_UP_NS);
	flood->end_ns = flood->begin_ns + seconds * NS_PER_SECOND;
	int err = process_fork(receive_all, &(struct job){receiver, flood}, &flood->receiver);
	if (!err)
		err = process_fork(send_all, &(struct job){sender, flood}, &flood->sender);
	return err;
}

int udp_flood_start(const struct testbed *bed, enum side from, const char *address,
                    unsigned seconds, struct udp_flood *ret)
{
	enum side to = from == CLIENT ? SERVER : CLIENT;
	uint32_t target;

	*ret = (struct udp_flood){0};
	if (inet_pton(AF_INET, address, &target) != 1)
		return -EINVAL;
	struct udp_flood_counts *counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE,
	                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		return -errno;
	ret->counts = counts;
	int receiver = open_receiver(&bed->host[to], target);
	int sender = receiver < 0 ? receiver : open_sender(&bed->host[from], target);
	int err = sender < 0 ? sender : start_both(ret, sender, receiver, seconds);
	if (receiver >= 0)
		close(receiver);
	if (sender >= 0)
		close(sender);
	if (err)
		udp_flood_stop(ret);
	return err;
}

static int wait_both(struct udp_flood *flood)
{
	uint64_t deadline_ns = flood->end_ns + FINISH_LIMIT_NS;
	int of_sender, of_receiver;
	int err = process_wait(&flood->sender, deadline_ns, &of_sender);

	if (!err)
		err = process_wait(&flood->receiver, deadline_ns, &of_receiver);
	if (!err && (of_sender || of_receiver))
		err = -EREMOTEIO;
	return err;
}

int udp_flood_finish(struct udp_flood *flood, struct udp_flood_result *ret)
{
	int err = wait_both(flood);
	const struct udp_flood_counts *counts = flood->counts;

	if (!err && (!counts->sent || !counts->in_window))
		err = -EREMOTEIO;
	if (!err) {
		double seconds = (double)(flood->end_ns - flood->begin_ns) / NS_PER_SECOND;

		*ret = (struct udp_flood_result){
			.kpps = (double)counts->in_window / seconds / 1e3,
			.window_pkts = (double)counts->in_window,
			.loss_percent =
				100.0 * (1.0 - (double)counts->received / (double)counts->sent),
		};
	}
	udp_flood_stop(flood);
	return err;
}

void udp_flood_stop(struct udp_flood *flood)
{
	process_stop(&flood->sender);
	process_stop(&flood->receiver);
	if (flood->counts)
		munmap(flood->counts, sizeof *flood->counts);
	*flood = (struct udp_flood){0};
}
