/* SPDX-License-Identifier: MIT */
#include "bench/wait.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static int signal_fd = -1;
static int signal_seen = WAIT_NO_SIGNAL;
static sigset_t mask_before;
static struct sigaction pipe_before;

int wait_init(void)
{
	sigset_t ending;

	assert(signal_fd < 0);
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	signal_fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &ending, &mask_before);
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &pipe_before);
	signal_seen = WAIT_NO_SIGNAL;
	return 0;
}

int wait_signal(void)
{
	struct signalfd_siginfo info;

	if (signal_fd >= 0 && signal_seen == WAIT_NO_SIGNAL &&
	    read(signal_fd, &info, sizeof info) == sizeof info)
		signal_seen = (int)info.ssi_signo;
	return signal_seen;
}

void wait_fini(void)
{
	if (signal_fd < 0)
		return;
	while (read(signal_fd, &(struct signalfd_siginfo){0}, sizeof(struct signalfd_siginfo)) > 0)
		;
	close(signal_fd);
	signal_fd = -1;
	sigaction(SIGPIPE, &pipe_before, NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

void wait_reset_signals(void)
{
	sigset_t none;

	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

uint64_t wait_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t wait_deadline_ns(uint64_t from_now_ns)
{
	return wait_now_ns() + from_now_ns;
}

/* As ppoll(), until @deadline_ns: how many are ready. */
static int poll_until(struct pollfd *polled, unsigned count, uint64_t deadline_ns)
{
	for (;;) {
		uint64_t now = wait_now_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
		struct timespec timeout = {(time_t)(left / NS_PER_SECOND),
		                           (long)(left % NS_PER_SECOND)};
		int ready = ppoll(polled, count, &timeout, NULL);

		if (ready >= 0)
			return ready;
		assert(errno == EINTR); /* SIGCONT and the like */
	}
}

int wait_readable(const int *fds, unsigned count, uint64_t deadline_ns)
{
	struct pollfd polled[WAIT_FDS_MAX + 1];

	assert(count <= WAIT_FDS_MAX);
	if (wait_signal())
		return -EINTR;
	for (unsigned i = 0; i < count; i++)
		polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	polled[count] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
	if (!poll_until(polled, count + 1, deadline_ns))
		return -ETIMEDOUT;
	if (wait_signal())
		return -EINTR;
	for (unsigned i = 0; i < count; i++)
		if (polled[i].revents)
			return (int)i;
	return -ETIMEDOUT;
}

int wait_readable_regardless(int fd, uint64_t deadline_ns)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll_until(&polled, 1, deadline_ns) ? 0 : -ETIMEDOUT;
}

int wait_until(uint64_t deadline_ns)
{
	int err = wait_readable(NULL, 0, deadline_ns);

	return err == -ETIMEDOUT ? 0 : err;
}
