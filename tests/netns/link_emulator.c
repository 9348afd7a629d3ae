/* SPDX-License-Identifier: MIT */
/* link_emulator - a link between two TAP devices, each in a network namespace of its own.
 *
 *   link_emulator SEED NAMESPACE DEVICE NAMESPACE DEVICE
 *
 * Makes both devices and carries frames between them, "up" from the first to the second; what
 * becomes of them see link_pipe.h. Standard input is a socket that keeps messages apart: each
 * message to it is a command (link_command.h), which is answered there, the first one when both
 * devices are there. The link ends, and with it the devices, when that socket is closed, its parent
 * ends, SIGTERM comes or a namespace is removed.
 *
 * Frames leave late by 0.1 ms and the time the kernel takes to wake a real-time thread.
 */
#include "link_command.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ll
#define REST_NS  100000 /* between two rounds, so that a busy link costs a bounded number of them */
#define BATCH    64u    /* frames of a direction in a round */
#define PRIORITY 10     /* of SCHED_FIFO */

/* What is waited for: by direction the device that its frames come from, and behind them: */
enum {
	CONTROL = LINK_DIRECTIONS,
	SIGNALS,
	SOURCES
};

struct emulator {
	struct pollfd sources[SOURCES];
	struct link_pipe pipes[LINK_DIRECTIONS];
	bool is_ending;
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "link_emulator: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void enter_namespace(const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "/run/netns/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(path);
	close(fd);
}

/* The device is gone when the descriptor is closed. */
static int make_device(const char *namespace, const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	enter_namespace(namespace);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fail("/dev/net/tun");
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	if (ioctl(fd, TUNSETIFF, &request))
		fail(name);
	return fd;
}

/* Signals that end it, among them that of its parent's end, are read like a device. */
static int open_signals(void)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	int fd = signalfd(-1, &ours, SFD_CLOEXEC);
	if (fd < 0)
		fail("signalfd");
	return fd;
}

static void open_emulator(struct emulator *emulator, char **argv)
{
	uint64_t seed = strtoull(argv[1], NULL, 0);

	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		if (!pipe_open(&emulator->pipes[i], 2 * seed + (uint64_t)i))
			fail("frames");
		emulator->sources[i].fd = make_device(argv[2 + 2 * i], argv[3 + 2 * i]);
	}
	emulator->sources[CONTROL].fd = STDIN_FILENO;
	emulator->sources[SIGNALS].fd = open_signals();
	for (int i = 0; i < SOURCES; i++)
		emulator->sources[i].events = POLLIN;
}

static void close_emulator(struct emulator *emulator)
{
	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		close(emulator->sources[i].fd);
		pipe_close(&emulator->pipes[i]);
	}
	close(emulator->sources[SIGNALS].fd);
}

/* A device that is down takes nothing: such a frame is lost, as at the end of a cable. */
static void deliver(struct emulator *emulator, int direction, int64_t now_ns)
{
	const struct pipe_frame *frame;
	int device = emulator->sources[!direction].fd;

	while ((frame = pipe_leave(&emulator->pipes[direction], now_ns))) {
		if (write(device, frame->data, frame->size) < 0 && errno == EBADFD)
			emulator->is_ending = true; /* its namespace is gone */
	}
}

static void take_in(struct emulator *emulator, int direction)
{
	uint8_t frame[PIPE_FRAME_BYTES + 1]; /* a longer one shall not look as if it fitted */

	for (unsigned i = 0; i < BATCH; i++) {
		ssize_t size = read(emulator->sources[direction].fd, frame, sizeof frame);

		if (size <= 0) {
			if (size < 0 && errno != EAGAIN && errno != EINTR && errno != EIO)
				emulator->is_ending = true;
			return;
		}
		pipe_enter(&emulator->pipes[direction], now(), frame, (size_t)size);
	}
}

static void obey(struct emulator *emulator)
{
	char line[512], answer[LINK_ANSWER_BYTES];
	ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);

	if (size <= 0) {
		emulator->is_ending = true;
		return;
	}
	line[size] = '\0';
	link_command(emulator->pipes, now(), line, answer);
	if (send(STDIN_FILENO, answer, strlen(answer), MSG_NOSIGNAL) < 0)
		emulator->is_ending = true;
}

/* Until something came or a frame is due. */
static void wait_for(struct emulator *emulator)
{
	int64_t up = pipe_next_ns(&emulator->pipes[LINK_UP]);
	int64_t down = pipe_next_ns(&emulator->pipes[LINK_DOWN]);
	int64_t next = up < down ? up : down;
	int64_t left = next == PIPE_NEVER ? 0 : next - now();
	struct timespec patience = {.tv_sec = left > 0 ? left / NS_PER_S : 0,
	                            .tv_nsec = left > 0 ? left % NS_PER_S : 0};

	if (ppoll(emulator->sources, SOURCES, next == PIPE_NEVER ? NULL : &patience, NULL) < 0)
		fail("ppoll");
}

static void rest(void)
{
	const struct timespec pause = {.tv_nsec = REST_NS};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static void run(struct emulator *emulator)
{
	while (!emulator->is_ending) {
		wait_for(emulator);
		if (emulator->sources[CONTROL].revents)
			obey(emulator);
		if (emulator->sources[SIGNALS].revents)
			emulator->is_ending = true;
		for (int i = 0; i < LINK_DIRECTIONS; i++) {
			if (emulator->sources[i].revents)
				take_in(emulator, i);
		}
		deliver(emulator, LINK_UP, now());
		deliver(emulator, LINK_DOWN, now());
		rest();
	}
}

/* As precise as the machine allows; what it does not allow is no fault. */
static void become_punctual(void)
{
	const struct sched_param priority = {.sched_priority = PRIORITY};

	prctl(PR_SET_TIMERSLACK, 1);
	sched_setscheduler(0, SCHED_FIFO, &priority);
}

int main(int argc, char **argv)
{
	static struct emulator emulator;

	if (argc != 6) {
		fprintf(stderr, "usage: link_emulator SEED NAMESPACE DEVICE NAMESPACE DEVICE\n");
		return 2;
	}
	open_emulator(&emulator, argv);
	become_punctual();
	run(&emulator);
	close_emulator(&emulator);
	return EXIT_SUCCESS;
}
