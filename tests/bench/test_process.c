/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/process.h"
#include "bench/wait.h"

static void setup(void)
{
	cr_assert(eq(int, wait_init(), 0));
}

TestSuite(process, .init = setup, .fini = wait_fini);

static int run_shell(const char *script, const char *text, uint64_t limit_ns, char **ret_text)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	return process_run(&(struct process_spec){.argv = argv}, text, wait_deadline_ns(limit_ns),
	                   ret_text);
}

Test(process, text_goes_in_and_comes_out)
{
	char *said = NULL;

	cr_assert(
		eq(int, run_shell("cat; echo after", "some text\n", 10 * NS_PER_SECOND, &said), 0));
	cr_expect(eq(str, said, "some text\nafter\n"));
	free(said);
}

Test(process, exit_status_and_signal_are_told_apart)
{
	cr_expect(eq(int, run_shell("exit 7", NULL, 10 * NS_PER_SECOND, NULL), 7));
	cr_expect(
		eq(int, run_shell("kill -KILL $$", NULL, 10 * NS_PER_SECOND, NULL), 128 + SIGKILL));
	cr_expect(eq(
		int,
		process_run(&(struct process_spec){.argv = (const char *const[]){"/no/such/program",
	                                                                         NULL}},
	                    NULL, wait_deadline_ns(10 * NS_PER_SECOND), NULL),
		127));
}

Test(process, a_child_that_takes_too_long_is_ended)
{
	uint64_t begin_ns = wait_now_ns();

	cr_expect(eq(int, run_shell("exec sleep 1000", NULL, 50 * NS_PER_MS, NULL), -ETIMEDOUT));
	cr_expect(lt(u64, wait_now_ns() - begin_ns, 60 * NS_PER_SECOND));
	cr_expect(eq(int, (int)waitpid(-1, NULL, WNOHANG), -1), "a child is left");
}

Test(process, a_child_that_ignores_being_asked_is_killed, .timeout = 60)
{
	const char *const argv[] = {"sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done",
	                            NULL};
	struct process p;
	int ends[2];

	cr_assert(eq(int, pipe(ends), 0));
	cr_assert(eq(int,
	             process_start(&(struct process_spec){.argv = argv, .output = ends[1]}, &p),
	             0));
	cr_assert(eq(int, wait_readable(&ends[0], 1, wait_deadline_ns(10 * NS_PER_SECOND)), 0));
	cr_expect(not(process_stop(&p)));
	cr_expect(eq(int, p.pid, 0));
	cr_expect(process_stop(&p), "stopping none");
}

/* Ready at the third question. */
static int ask_three_times(void *arg)
{
	return ++*(unsigned *)arg < 3 ? -EAGAIN : 7;
}

static int never_ready(void *arg)
{
	(void)arg;
	return -EAGAIN;
}

Test(process, asked_until_it_is_ready_or_gone_or_late)
{
	const char *const argv[] = {"sh", "-c",
	                            "read line; test \"$line\" = stay && exec sleep 1000", NULL};
	const struct process_spec spec = {.argv = argv};
	struct process p;
	unsigned asked = 0;
	uint64_t soon = 50 * NS_PER_MS, late = 20 * NS_PER_SECOND;

	cr_assert(eq(int, process_start_with(&spec, "stay\n", &p), 0));
	cr_expect(eq(int, process_await(&p, ask_three_times, &asked, wait_deadline_ns(late)), 7));
	cr_expect(eq(uint, asked, 3));
	cr_expect(
		eq(int, process_await(&p, never_ready, NULL, wait_deadline_ns(soon)), -ETIMEDOUT));
	process_stop(&p);

	cr_assert(eq(int, process_start_with(&spec, "go\n", &p), 0));
	cr_expect(eq(int, process_await(&p, never_ready, NULL, wait_deadline_ns(late)), -ECHILD));
	process_stop(&p);
	cr_expect(eq(int, process_start_with(&spec, NULL, &p), -ENOMEM));
}

Test(process, a_signal_ends_every_wait_from_then_on)
{
	int ends[2];

	cr_assert(eq(int, pipe(ends), 0));
	cr_assert(eq(int, wait_signal(), WAIT_NO_SIGNAL));
	raise(SIGTERM);
	cr_expect(eq(int, wait_readable(&ends[0], 1, wait_deadline_ns(1000 * NS_PER_SECOND)),
	             -EINTR));
	cr_expect(eq(int, wait_until(wait_deadline_ns(1000 * NS_PER_SECOND)), -EINTR));
	cr_expect(eq(int, run_shell("exec sleep 1000", NULL, 1000 * NS_PER_SECOND, NULL), -EINTR));
	cr_expect(eq(int, wait_signal(), SIGTERM));
	cr_expect(eq(int, (int)waitpid(-1, NULL, WNOHANG), -1), "a child is left");
}

static int burn(void *arg)
{
	volatile uint64_t n = 0;

	(void)arg;
	for (;;)
		n = n + 1;
	return 0;
}

Test(process, processor_time_and_memory_are_those_of_the_child)
{
	struct process p, none = {0};
	uint64_t used_ns = 0, deadline_ns = wait_deadline_ns(30 * NS_PER_SECOND);

	cr_assert(eq(int, process_fork(burn, NULL, &p), 0));
	while (used_ns < 20 * NS_PER_MS && wait_now_ns() < deadline_ns) {
		wait_until(wait_deadline_ns(NS_PER_MS));
		used_ns = process_cpu_ns(&p);
	}
	cr_expect(le(u64, 20 * NS_PER_MS, used_ns));
	cr_expect(lt(u64, 100, process_rss_kib(&p)));
	process_stop(&p);
	cr_expect(eq(u64, process_cpu_ns(&none), 0));
	cr_expect(eq(u64, process_rss_kib(&none), 0));
}

Test(process, status_lines_are_found_by_their_whole_name)
{
	static const char status[] = "Name:\tVmRSS\nVmRSSx:\t   1 kB\nVmHWM:\t  4096 kB\n"
				     "VmRSS:\t  3884 kB\nRssAnon:\t     120 kB\n";

	cr_expect(eq(u64, process_status_kib(status, "VmRSS"), 3884));
	cr_expect(eq(u64, process_status_kib(status, "RssAnon"), 120));
	cr_expect(eq(u64, process_status_kib(status, "RSS"), 0));
	cr_expect(eq(u64, process_status_kib("", "VmRSS"), 0));
}

Test(process, programs_are_looked_up_in_path)
{
	setenv("PATH", "/no/such/directory:/bin", 1);
	cr_expect(process_can_run("sh"));
	cr_expect(process_can_run("/bin/sh"));
	cr_expect(not(process_can_run("/bin/no-such-program")));
	setenv("PATH", "/no/such/directory", 1);
	cr_expect(not(process_can_run("sh")));
}
