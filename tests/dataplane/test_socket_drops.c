/* SPDX-License-Identifier: MIT */
#include "dataplane/socket_drops.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A UDP socket on the loopback device whose buffer holds a few datagrams, and its address. */
static int small_socket(struct sockaddr_in *ret)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = 1;
	socklen_t len = sizeof *ret;

	cr_assert(ge(int, fd, 0));
	cr_assert(zero(int, setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes)));
	cr_assert(zero(int, bind(fd, (struct sockaddr *)&at, sizeof at)));
	cr_assert(zero(int, getsockname(fd, (struct sockaddr *)ret, &len)));
	return fd;
}

/* Sends @count datagrams to @fd and returns how many of them it did not keep. */
static unsigned overflow(int fd, const struct sockaddr_in *at, unsigned count)
{
	int out = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[1000] = {0};
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++)
		cr_assert(eq(long,
		             sendto(out, buf, sizeof buf, 0, (struct sockaddr *)at, sizeof *at),
		             (long)sizeof buf));
	close(out);
	while (recv(fd, buf, sizeof buf, MSG_DONTWAIT) > 0)
		kept++;
	cr_assert(lt(uint, 0, kept));
	cr_assert(lt(uint, kept, count));
	return count - kept;
}

Test(socket_drops, what_did_not_fit_is_counted_and_nothing_else)
{
	struct socket_drops drops = {0};
	struct sockaddr_in at;
	int fd = small_socket(&at);
	unsigned lost;

	cr_expect(zero(u64, socket_drops_read(&drops, fd)));
	lost = overflow(fd, &at, 50);
	cr_expect(eq(u64, socket_drops_read(&drops, fd), lost));
	cr_expect(eq(u64, socket_drops_read(&drops, fd), lost), "counted twice");
	lost += overflow(fd, &at, 20);
	cr_expect(eq(u64, socket_drops_read(&drops, fd), lost));
	close(fd);
}

Test(socket_drops, count_goes_on_when_another_socket_takes_the_place)
{
	struct socket_drops drops = {0};
	struct sockaddr_in at;
	uint64_t lost = 0;

	for (unsigned i = 0; i < 3; i++) {
		int fd = small_socket(&at);

		lost += overflow(fd, &at, 30 + i);
		cr_expect(eq(u64, socket_drops_read(&drops, fd), lost));
		socket_drops_restart(&drops);
		close(fd);
	}
}

Test(socket_drops, kernels_counter_may_wrap)
{
	struct sockaddr_in at;
	int fd = small_socket(&at);
	struct socket_drops drops = {.total = UINT32_MAX, .seen = UINT32_MAX};
	unsigned lost = overflow(fd, &at, 30);

	/* It went from its greatest value to @lost. */
	cr_expect(eq(u64, socket_drops_read(&drops, fd), (uint64_t)UINT32_MAX + lost + 1));
	close(fd);
}

Test(socket_drops, what_is_no_socket_changes_nothing)
{
	struct socket_drops drops = {.total = 5, .seen = 2};
	int fds[2];

	cr_expect(eq(u64, socket_drops_read(&drops, -1), 5));
	cr_assert(zero(int, pipe(fds)));
	cr_expect(eq(u64, socket_drops_read(&drops, fds[0]), 5));
	cr_expect(eq(u32, drops.seen, 2));
}
