/* SPDX-License-Identifier: MIT */
/* The thread that writes what others say, so that they never wait; see log_rig.h. */
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "base/log_ring.h"
#include "base/thread.h"
#include "log_rig.h"

TestSuite(log_writer, .init = begin_capture, .fini = end_capture);

static size_t filler_bytes;

/* Until standard error takes no line any more, as when nobody reads it. */
static void fill_pipe(void)
{
	char path[64];

	fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096);
	snprintf(path, sizeof path, "/proc/self/fd/%d", STDERR_FILENO);
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC); /* an open file of its own */
	for (ssize_t n; (n = write(fd, "filler", 6)) > 0;)
		filler_bytes += (size_t)n;
	cr_assert(lt(sz, 0, filler_bytes));
	close(fd);
}

/* The reader is back. */
static void take_filler(void)
{
	char bytes[LINE_LEN];

	while (filler_bytes > 0) {
		size_t wanted = filler_bytes < sizeof bytes ? filler_bytes : sizeof bytes;
		ssize_t n = read(log_reader, bytes, wanted);

		cr_assert(lt(long, 0, n));
		filler_bytes -= (size_t)n;
	}
}

/* The next line, for which it waits. */
static char *await_line(void)
{
	struct pollfd p = {.fd = log_reader, .events = POLLIN};

	cr_assert(eq(int, poll(&p, 1, 20000), 1), "no line came");
	return next_line();
}

static void expect_line(const char *wanted)
{
	cr_expect(eq(str, await_line(), (char *)wanted));
}

static void start_stuck(enum log_format format)
{
	log_init(LOG_LEVEL_INFO, format);
	fill_pipe();
	cr_assert(eq(int, log_start(), 0));
}

Test(log_writer, lines_of_several_threads_stay_whole_through_the_writer, .timeout = 20)
{
	cr_assert(eq(int, log_start(), 0));
	expect_two_hundred();
	log_stop();
	cr_expect(eq(u64, log_lost(), 0));
}

Test(log_writer, writer_keeps_the_order_and_writes_what_was_said_before_the_stop)
{
	char wanted[32];

	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL);
	log_info("before");
	cr_assert(eq(int, log_start(), 0));
	for (int i = 0; i < 100; i++)
		log_info("%d", i);
	log_stop();
	log_info("after");
	expect_line("<6>before");
	for (int i = 0; i < 100; i++) {
		snprintf(wanted, sizeof wanted, "<6>%d", i);
		expect_line(wanted);
	}
	expect_line("<6>after");
	cr_expect(eq(u64, log_lost(), 0));
}

/* Lines @first to @count - 1 in order; where some are missing a line tells how many, @lost in all.
 * Which are missing depends on when the writer begins to take them.
 */
static void expect_all_lines(unsigned first, unsigned count, uint64_t lost)
{
	unsigned long long number, missing, told = 0;

	for (unsigned long long next = first; next < count;) {
		const char *text = await_line();

		if (sscanf(text, "<4>%llu lines of the log were lost here", &missing) == 1) {
			told += missing;
			next += missing;
			continue;
		}
		cr_assert(eq(int, sscanf(text, "<6>%llu", &number), 1), "%s", text);
		cr_assert(eq(u64, number, next));
		next++;
	}
	cr_expect(eq(u64, told, lost));
}

Test(log_writer, reader_that_stops_holds_up_nobody_and_learns_what_it_missed)
{
	start_stuck(LOG_FORMAT_JOURNAL);
	for (unsigned i = 0; i < 3 * LOG_RING_LINES; i++)
		log_info("%u", i);
	uint64_t lost = log_lost();
	cr_expect(ge(u64, lost, 2 * LOG_RING_LINES - 1)); /* the writer may have one in hand */
	cr_expect(le(u64, lost, 2 * LOG_RING_LINES));
	take_filler();
	expect_all_lines(0, 3 * LOG_RING_LINES, lost);
	log_info("there again");
	expect_line("<6>there again");
	cr_expect(eq(u64, log_lost(), lost), "told once, and no more were lost");
	log_stop();
}

/* With the ring never empty in between: the place is told, not only the number. */
Test(log_writer, what_was_lost_is_told_where_it_was_lost)
{
	enum {
		EARLY = 2 * LOG_RING_LINES,
		TAKEN = 10,
		LATE = 5
	};
	char wanted[32];

	start_stuck(LOG_FORMAT_JOURNAL);
	for (unsigned i = 0; i < EARLY; i++)
		log_info("%u", i);
	cr_assert(lt(u64, LOG_RING_LINES / 2, log_lost()));
	take_filler();
	for (unsigned i = 0; i < TAKEN; i++) { /* room for some */
		snprintf(wanted, sizeof wanted, "<6>%u", i);
		expect_line(wanted);
	}
	for (unsigned i = EARLY; i < EARLY + LATE; i++)
		log_info("%u", i);
	expect_all_lines(TAKEN, EARLY + LATE, log_lost());
	log_info("the end");
	expect_line("<6>the end");
	log_stop();
}

/* Says lines until the writer has one in hand, the ring is full, and the last one was lost. Returns
 * how many lines that makes, without the one that tells of the last that were lost: where the
 * writer comes late for the one in hand, some were lost before that too.
 */
static unsigned lose_the_last(void)
{
	unsigned lines = 0, kept = 0;
	bool is_losing = false;

	while (kept <= LOG_RING_LINES || !is_losing) {
		uint64_t lost = log_lost();
		bool was_losing = is_losing;

		log_info("%u", kept);
		is_losing = log_lost() > lost;
		kept += !is_losing;
		lines += !is_losing + (was_losing && !is_losing);
		sched_yield();
	}
	return lines;
}

static void take_two_lines(void *arg)
{
	char text[LINE_LEN];
	struct pollfd p = {.fd = log_reader, .events = POLLIN};

	*(unsigned *)arg = 0;
	while (*(unsigned *)arg < 2 && poll(&p, 1, 20000) > 0)
		*(unsigned *)arg += read(log_reader, text, sizeof text) > 0;
}

/* The pipe holds one line, so that the writer, which has found the ring empty, waits for room to
 * tell of those that were lost. What is said then is no news to it when it gets on, unless it looks
 * again.
 */
Test(log_writer, what_is_said_while_lost_lines_are_told_is_flushed)
{
	struct thread reader;
	unsigned taken;

	start_stuck(LOG_FORMAT_JOURNAL);
	unsigned lines = lose_the_last();
	take_filler();
	for (unsigned i = 1; i < lines; i++)
		cr_assert(ne(ptr, await_line(), NULL));
	cr_expect(not(log_flush())); /* it has had its time to get there */
	log_info("meanwhile");
	cr_assert(
		eq(int, thread_start(&reader, "r", THREAD_HELPER, -1, take_two_lines, &taken), 0));
	cr_expect(log_flush());
	thread_join(&reader);
	cr_assert(eq(uint, taken, 2));
	char *text = next_line();
	cr_assert(ne(ptr, text, NULL), "flushed, and not there");
	cr_expect(eq(str, text, (char *)"<6>meanwhile"));
	log_stop();
}

Test(log_writer, reader_that_never_comes_back_does_not_stop_the_end)
{
	start_stuck(LOG_FORMAT_JOURNAL);
	log_error("nobody will see this");
	cr_expect(not(log_flush()));
	log_stop();
	cr_expect(eq(u64, log_lost(), 1));
	log_error("nor this");
	cr_expect(eq(u64, log_lost(), 2));
	log_stop(); /* once more is no harm */
}

/* Until the last of twenty lines. */
static void drain_slowly(void *arg)
{
	char text[4097] = "";
	struct pollfd p = {.fd = log_reader, .events = POLLIN};

	(void)arg;
	while (!strstr(text, "\"19\"") && poll(&p, 1, 20000) > 0) {
		ssize_t n = read(log_reader, text, sizeof text - 1);

		text[n > 0 ? n : 0] = 0;
		usleep(1000);
	}
}

Test(log_writer, slow_reader_gets_all_before_the_end)
{
	struct thread reader;

	start_stuck(LOG_FORMAT_JSON);
	for (unsigned i = 0; i < 20; i++)
		log_info("%u", i);
	cr_assert(eq(int, thread_start(&reader, "r", THREAD_HELPER, -1, drain_slowly, NULL), 0));
	log_stop();
	cr_expect(eq(u64, log_lost(), 0));
	thread_join(&reader);
}

/* The daemon goes into the background while nobody reads the caller's pipe. */
Test(log_writer, line_that_is_stuck_goes_where_the_log_goes_then)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	start_stuck(LOG_FORMAT_JSON);
	log_info("a");
	log_info("b");
	cr_expect(not(log_flush()));
	dup2(null, STDERR_FILENO);
	log_to_syslog();
	cr_expect(log_flush());
	cr_expect(eq(uint, syslog_taken.count, 2));
	cr_expect(ne(ptr, strstr(syslog_taken.text, "\"message\":\"b\""), NULL), "%s",
	          syslog_taken.text);
	cr_expect(not(pthread_equal(syslog_taken.thread, pthread_self())),
	          "whoever logs never waits");
	cr_expect(eq(u64, log_lost(), 0));
	log_stop();
	close(null);
}

Test(log_writer, what_cannot_be_written_is_counted)
{
	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	cr_assert(eq(int, log_start(), 0));
	int null = open("/dev/full", O_WRONLY | O_CLOEXEC);
	dup2(null, STDERR_FILENO);
	log_info("a");
	cr_expect(log_flush());
	cr_expect(eq(u64, log_lost(), 1));
	log_stop();
	close(null);
}

/* Somebody else who has the same terminal or pipe made it non-blocking. */
Test(log_writer, open_file_that_does_not_block_loses_nothing)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL);
	fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK | O_DIRECT);
	fill_pipe();
	cr_assert(eq(int, log_start(), 0));
	log_info("a");
	cr_expect(not(log_flush()));
	take_filler();
	expect_line("<6>a");
	log_stop();
	cr_expect(eq(u64, log_lost(), 0));
}
