/* SPDX-License-Identifier: MIT */
#include "bench/echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/wait.h"

#define PAYLOAD_BYTES   56 /* as ping's */
#define LAST_REPLY_NS   NS_PER_SECOND
#define ASK_INTERVAL_NS (20 * NS_PER_MS)
#define SEQUENCES       65536u

struct message {
	struct icmphdr header;
	uint8_t payload[PAYLOAD_BYTES];
};

/* Who asks, and when each request left. */
struct asker {
	int fd;
	struct sockaddr_in to;
	uint16_t id;
	unsigned sent;
	uint64_t sent_ns
		[SEQUENCES]; /* wall clock, as the kernel's stamps; 0: answered or not sent */
};

static uint64_t ns_of(struct timespec t)
{
	return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

/* RFC 1071, over whole 16-bit words. */
static uint16_t checksum(const struct message *message)
{
	uint16_t words[sizeof *message / 2];
	uint32_t sum = 0;

	memcpy(words, message, sizeof words);
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	return (uint16_t)~sum;
}

static int asker_open(struct asker *asker, const struct netns *from, const char *address)
{
	struct icmp_filter only_replies = {.data = ~(1u << ICMP_ECHOREPLY)};
	int on = 1;

	memset(asker, 0, sizeof *asker);
	asker->to.sin_family = AF_INET;
	if (inet_pton(AF_INET, address, &asker->to.sin_addr) != 1 ||
	    getrandom(&asker->id, sizeof asker->id, 0) != sizeof asker->id)
		return -EINVAL;
	asker->fd = netns_socket(from, AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP);
	if (asker->fd < 0)
		return asker->fd;
	if (!setsockopt(asker->fd, SOL_RAW, ICMP_FILTER, &only_replies, sizeof only_replies) &&
	    !setsockopt(asker->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on))
		return 0;
	int err = -errno;
	close(asker->fd);
	return err;
}

static int ask(struct asker *asker)
{
	uint16_t sequence = (uint16_t)asker->sent;
	struct message message = {.header = {.type = ICMP_ECHO}};
	struct timespec now;

	message.header.un.echo.id = asker->id;
	message.header.un.echo.sequence = htons(sequence);
	message.header.checksum = checksum(&message);
	clock_gettime(CLOCK_REALTIME, &now);
	asker->sent_ns[sequence] = ns_of(now);
	asker->sent++;
	ssize_t sent = sendto(asker->fd, &message, sizeof message, 0,
	                      (const struct sockaddr *)&asker->to, sizeof asker->to);
	return sent < 0 ? -errno : 0;
}

static bool stamp_of(struct msghdr *msg, uint64_t *ret_ns)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct timespec stamp;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
		*ret_ns = ns_of(stamp);
		return true;
	}
	return false;
}

/* Takes one packet from the socket. True with a round trip time if it answers a request of ours for
 * the first time; *@ret_is_empty if there was none.
 */
static bool take_reply(struct asker *asker, double *ret_rtt_us, bool *ret_is_empty)
{
	uint8_t packet[60 + sizeof(struct message)]; /* after the longest IP header */
	char control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec iov = {packet, sizeof packet};
	struct msghdr msg = {.msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = control,
	                     .msg_controllen = sizeof control};
	ssize_t len = recvmsg(asker->fd, &msg, 0);
	struct icmphdr header;
	uint64_t at_ns;

	*ret_is_empty = len < 0;
	size_t ip_len = len > 0 ? (packet[0] & 15u) * 4 : 0;
	if (len < 0 || (size_t)len < ip_len + sizeof header || !stamp_of(&msg, &at_ns))
		return false;
	memcpy(&header, packet + ip_len, sizeof header);
	uint16_t sequence = ntohs(header.un.echo.sequence);
	uint64_t sent_ns = asker->sent_ns[sequence];
	if (header.un.echo.id != asker->id || !sent_ns || at_ns < sent_ns)
		return false;
	asker->sent_ns[sequence] = 0;
	*ret_rtt_us = (double)(at_ns - sent_ns) / 1e3;
	return true;
}

/* Collects replies until @deadline_ns, or until @wanted are there. */
static int collect(struct asker *asker, struct echo_result *result, unsigned wanted,
                   uint64_t deadline_ns)
{
	while (result->answered < wanted) {
		bool is_empty = false;
		int at = wait_readable(&asker->fd, 1, deadline_ns);

		if (at < 0)
			return at == -ETIMEDOUT ? 0 : at;
		while (result->answered < wanted && !is_empty)
			if (take_reply(asker, &result->rtt_us[result->answered], &is_empty))
				result->answered++;
	}
	return 0;
}

int echo_measure(const struct netns *from, const char *address, unsigned count,
                 uint64_t interval_ns, struct echo_result *result)
{
	static struct asker asker; /* too large for a stack */
	int err = asker_open(&asker, from, address);

	if (err)
		return err;
	result->answered = 0;
	uint64_t next_ns = wait_now_ns();
	while (!err && asker.sent < count) {
		err = ask(&asker);
		next_ns += interval_ns;
		/* One more than can be answered: it lasts until the next is due. */
		if (!err && asker.sent < count)
			err = collect(&asker, result, count + 1, next_ns);
	}
	if (!err)
		err = collect(&asker, result, count, wait_deadline_ns(LAST_REPLY_NS));
	close(asker.fd);
	return err;
}

/* Waits for a reply, or the end of a daemon, or the time to ask again (-ETIMEDOUT). */
static int wait_answer(struct asker *asker, const struct process *daemons, unsigned daemon_count,
                       uint64_t until_ns)
{
	int fds[WAIT_FDS_MAX] = {asker->fd};
	unsigned count = 1;
	bool is_empty = false;
	double rtt_us;

	for (unsigned i = 0; i < daemon_count; i++)
		if (daemons[i].pid)
			fds[count++] = daemons[i].pidfd;
	int at = wait_readable(fds, count, until_ns);
	if (at > 0)
		return -ECHILD;
	while (at == 0 && !is_empty)
		if (take_reply(asker, &rtt_us, &is_empty))
			return 0;
	return at < 0 ? at : -ETIMEDOUT;
}

static bool is_unreachable(int err)
{
	return err == -ENETUNREACH || err == -EHOSTUNREACH || err == -ENETDOWN || err == -ENOBUFS;
}

int echo_wait_answer(const struct netns *from, const char *address, const struct process *daemons,
                     unsigned daemon_count, uint64_t deadline_ns)
{
	static struct asker asker;
	int err = asker_open(&asker, from, address);

	if (err)
		return err;
	for (;;) {
		err = ask(&asker);
		if (err && !is_unreachable(err))
			break;
		err = wait_answer(&asker, daemons, daemon_count, wait_deadline_ns(ASK_INTERVAL_NS));
		if (err != -ETIMEDOUT || wait_now_ns() >= deadline_ns)
			break;
	}
	close(asker.fd);
	return err;
}
