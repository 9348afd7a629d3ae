/* SPDX-License-Identifier: MIT */
/* Each test is a process of its own, so signals may be sent in earnest: what ends the process ends
 * the test, and is seen in a child where it is wanted.
 */
#include "control/signals.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static enum signal_wish take(int fd, const char *wanted_name)
{
	const char *name = "none";
	enum signal_wish wish = signals_take(fd, &name);

	cr_expect(eq(str, (char *)name, (char *)wanted_name));
	return wish;
}

Test(signals, each_that_is_taken_has_its_meaning)
{
	static const struct {
		int number;
		const char *name;
		enum signal_wish wish;
	} table[] = {
		{SIGINT, "SIGINT", SIGNAL_STOP},
		{SIGTERM, "SIGTERM", SIGNAL_STOP},
		{SIGXCPU, "SIGXCPU", SIGNAL_STOP},
		{SIGHUP, "SIGHUP", SIGNAL_RELOAD},
	};
	int fd = signals_open();

	cr_assert(ge(int, fd, 0));
	cr_expect(eq(int, take(fd, "none"), SIGNAL_NONE));
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		cr_assert(eq(int, kill(getpid(), table[i].number), 0));
		cr_expect(eq(int, take(fd, table[i].name), table[i].wish));
		cr_expect(eq(int, take(fd, "none"), SIGNAL_NONE));
	}
}

Test(signals, several_that_wait_are_all_taken)
{
	int fd = signals_open(), stops = 0, reloads = 0;
	const char *name;

	kill(getpid(), SIGHUP);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGHUP); /* the system joins it with the first */
	for (int i = 0; i < 3; i++) {
		enum signal_wish wish = signals_take(fd, &name);

		stops += wish == SIGNAL_STOP;
		reloads += wish == SIGNAL_RELOAD;
	}
	cr_expect(eq(int, stops, 1));
	cr_expect(eq(int, reloads, 1));
}

/* nohup(1) and shells start programs like this. */
Test(signals, caller_who_had_them_ignored_changes_nothing)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	int fd = signals_open();

	kill(getpid(), SIGHUP);
	cr_expect(eq(int, take(fd, "SIGHUP"), SIGNAL_RELOAD));
	kill(getpid(), SIGINT);
	cr_expect(eq(int, take(fd, "SIGINT"), SIGNAL_STOP));
}

Test(signals, those_without_a_meaning_do_nothing)
{
	static const int table[] = {SIGPIPE,   SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM,
	                            SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGTTIN,
	                            SIGTTOU,   SIGCHLD, SIGURG,  SIGWINCH};
	int fd = signals_open();

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		cr_expect(eq(int, raise(table[i]), 0));
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		cr_expect(eq(int, raise(number), 0));
	cr_expect(eq(int, take(fd, "none"), SIGNAL_NONE));
}

/* How a child ends that does @body: its status, or the negative number of the signal. */
static int end_of_child(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		body();
		_exit(0);
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void quit(void)
{
	signal(SIGQUIT, SIG_IGN); /* as a shell does for what it starts in the background */
	if (signals_open() >= 0)
		raise(SIGQUIT);
}

static void interrupt_twice(void)
{
	signal(SIGINT, SIG_IGN); /* as a shell does for what it starts in the background */
	int fd = signals_open();
	const char *name;

	kill(getpid(), SIGINT);
	if (signals_take(fd, &name) != SIGNAL_STOP)
		_exit(1);
	signals_end_at_once();
	kill(getpid(), SIGHUP); /* still not one that ends it */
	kill(getpid(), SIGINT);
}

Test(signals, quit_ends_the_process_at_once)
{
	cr_expect(eq(int, end_of_child(quit), -SIGQUIT));
}

Test(signals, second_wish_to_stop_ends_it_at_once)
{
	cr_expect(eq(int, end_of_child(interrupt_twice), -SIGINT));
}
