/* SPDX-License-Identifier: MIT */
#include "control/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const struct {
	int number;
	const char *name;
	enum signal_wish wish;
} taken[] = {
	{SIGINT, "SIGINT", SIGNAL_STOP},
	{SIGTERM, "SIGTERM", SIGNAL_STOP},
	{SIGXCPU, "SIGXCPU", SIGNAL_STOP}, /* the soft limit: the hard one will not ask */
	{SIGHUP, "SIGHUP", SIGNAL_RELOAD},
};

#define TAKEN_COUNT (sizeof taken / sizeof *taken)

/* Their default is the end of the process, for the last two its standstill: SIGTTOU comes when a
 * line of the log goes to a terminal that belongs to another program at that moment.
 */
static const int ignored[] = {
	SIGPIPE,   SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR,
#ifdef SIGSTKFLT
	SIGSTKFLT,
#endif
	SIGTTIN,   SIGTTOU,
};

static int ignore_the_rest(void)
{
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
		if (signal(ignored[i], SIG_IGN) == SIG_ERR)
			return -errno;
	}
	/* The lowest ones are the C library's own, which SIGRTMIN leaves out. */
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
		if (signal(number, SIG_IGN) == SIG_ERR)
			return -errno;
	}
	return 0;
}

int signals_open(void)
{
	sigset_t set;
	int err = ignore_the_rest();

	/* Shells ignore it for what they start in the background, where it is needed most. */
	signal(SIGQUIT, SIG_DFL);
	if (err)
		return err;
	sigemptyset(&set);
	for (size_t i = 0; i < TAKEN_COUNT; i++)
		sigaddset(&set, taken[i].number);
	/* Blocked they wait for us even where the caller, as nohup(1) does, had them ignored. */
	err = -pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (err)
		return err;
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

enum signal_wish signals_take(int fd, const char **ret_name)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof info) == sizeof info) {
		for (size_t i = 0; i < TAKEN_COUNT; i++) {
			if (taken[i].number != (int)info.ssi_signo)
				continue;
			*ret_name = taken[i].name;
			return taken[i].wish;
		}
	}
	return SIGNAL_NONE;
}

void signals_end_at_once(void)
{
	sigset_t set;

	/* A caller who had them ignored would not get what we promise. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
