/* SPDX-License-Identifier: MIT */
/* Standard error becomes a pipe in packet mode, where each read gives what one write(2) gave: that
 * a line is one write is seen, not assumed.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_ring.h"
#include "base/thread.h"
#include "vtrunkd/limits.h"

#define LINE_LEN 2048u

static int pipe_read, stderr_before;
static char line[2 * LINE_LEN];

static void begin_capture(void)
{
	int ends[2];

	cr_assert(eq(int, pipe2(ends, O_DIRECT | O_CLOEXEC), 0));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20); /* 256 lines before a writer would wait */
	stderr_before = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	pipe_read = ends[0];
}

static void end_capture(void)
{
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	close(pipe_read);
}

/* The next line without its newline, or NULL. */
static char *next_line(void)
{
	ssize_t n = read(pipe_read, line, sizeof line - 1);

	if (n <= 0)
		return NULL;
	line[n] = 0;
	cr_assert(le(long, n, (long)LINE_LEN));
	cr_assert(eq(int, line[n - 1], '\n'));
	cr_assert(eq(ptr, strchr(line, '\n'), line + n - 1), "one line per write");
	line[n - 1] = 0;
	return line;
}

static json_t *next_object(void)
{
	char *text = next_line();
	json_error_t error;

	cr_assert(ne(ptr, text, NULL));
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert(ne(ptr, object, NULL), "%s in %s", error.text, text);
	return object;
}

static void expect_member(json_t *object, const char *key, const char *value)
{
	const char *found = json_string_value(json_object_get(object, key));

	cr_assert(ne(ptr, (void *)found, NULL), "no member %s", key);
	cr_expect(eq(str, (char *)found, (char *)value), "member %s", key);
}

TestSuite(log, .init = begin_capture, .fini = end_capture);

/* "2026-01-31T12:00:00.123Z" is UTC, of this moment, and has milliseconds. */
static void expect_now(const char *text)
{
	struct tm tm = {0};
	struct timespec now;
	unsigned ms;

	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	cr_assert(ne(ptr, (void *)rest, NULL), "%s", text);
	cr_assert(eq(int, sscanf(rest, ".%3uZ", &ms), 1), "%s", text);
	cr_expect(eq(chr, rest[4], 'Z'));
	clock_gettime(CLOCK_REALTIME, &now);
	long long late_ms =
		(now.tv_sec - timegm(&tm)) * 1000ll + now.tv_nsec / 1000000 - (long long)ms;
	cr_expect(ge(llong, late_ms, 0), "%s", text);
	cr_expect(lt(llong, late_ms, 5000), "%s", text);
}

Test(log, text_has_time_level_and_message)
{
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	log_init(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	log_error("a %d", 1);
	log_warning("b");
	log_info("peer=office: up");
	log_debug("d");

	static const char *const wanted[] = {" error a 1", " warning b", " info peer=office: up",
	                                     " debug d"};
	for (size_t i = 0; i < 4; i++) {
		char *text = next_line();

		cr_assert(ne(ptr, text, NULL));
		expect_now(text);
		cr_expect(eq(str, text + strlen("2026-01-31T12:00:00.123Z"), (char *)wanted[i]));
	}
	cr_expect(eq(ptr, next_line(), NULL));
}

Test(log, before_init_it_is_text_at_level_info)
{
	log_debug("no");
	log_info("yes");
	cr_expect(ne(ptr, strstr(next_line(), " info yes"), NULL));
	cr_expect(eq(ptr, next_line(), NULL));
}

Test(log, lines_below_the_level_are_not_written)
{
	log_init(LOG_LEVEL_WARNING, LOG_FORMAT_JOURNAL);
	log_info("no");
	log_debug("no");
	cr_expect(not(log_enabled(LOG_LEVEL_INFO)));
	cr_expect(log_enabled(LOG_LEVEL_WARNING));
	cr_expect(eq(ptr, next_line(), NULL));
	log_warning("yes");
	cr_expect(eq(str, next_line(), (char *)"<4>yes"));
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("now");
	cr_expect(eq(str, next_line(), (char *)"<7>now"));
}

Test(log, journal_lines_carry_the_priority)
{
	log_init(LOG_LEVEL_DEBUG, LOG_FORMAT_JOURNAL);
	log_error("e");
	cr_expect(eq(str, next_line(), (char *)"<3>e"));
	log_info("peer=office: up");
	cr_expect(eq(str, next_line(), (char *)"<6>peer=office: up"));
}

Test(log, auto_is_journal_only_when_stderr_is_the_stream_named)
{
	struct stat st;
	char stream[64];

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
	         (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_info("x");
	cr_expect(eq(str, next_line(), (char *)"<6>x"));

	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
	         (unsigned long long)st.st_ino + 1);
	const char *const others[] = {stream, "", "x", "1", NULL};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (others[i])
			setenv("JOURNAL_STREAM", others[i], 1);
		else
			unsetenv("JOURNAL_STREAM");
		log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
		log_info("x");
		expect_now(next_line());
	}
}

Test(log, json_makes_members_of_the_subject)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_warning("peer=office path=lte0: no answer to 5 initiations: retrying in %d s", 5);
	json_t *object = next_object();

	cr_expect(eq(sz, json_object_size(object), 5));
	expect_member(object, "level", "warning");
	expect_member(object, "peer", "office");
	expect_member(object, "path", "lte0");
	expect_member(object, "message", "no answer to 5 initiations: retrying in 5 s");
	expect_now(json_string_value(json_object_get(object, "time")));
	json_decref(object);
}

Test(log, json_subject_edges)
{
	static const struct {
		const char *line, *key, *value, *message; /* no key: no subject */
	} table[] = {
		{"plain", NULL, NULL, "plain"},
		{"cannot open a=b: no", NULL, NULL, "cannot open a=b: no"},
		{"a=b c: d", NULL, NULL, "a=b c: d"},
		{"=b: c", NULL, NULL, "=b: c"},
		{": c", NULL, NULL, ": c"},
		{"a=b:c", NULL, NULL, "a=b:c"},
		{"a=: c", "a", "", "c"},
		{"a=b: ", "a", "b", ""},
		{"key=AAA=: c", "key", "AAA=", "c"},
		{"remote=[::1]:5: c", "remote", "[::1]:5", "c"},
		{"name=\"q\\: c", "name", "\"q\\", "c"},
		{"message=x: c", NULL, NULL, "c"}, /* our own members win */
		{"", NULL, NULL, ""},
	};

	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		log_info("%s", table[i].line);
		json_t *object = next_object();

		expect_member(object, "message", table[i].message);
		expect_member(object, "level", "info");
		cr_expect(eq(sz, json_object_size(object), table[i].key ? 4 : 3), "%s",
		          table[i].line);
		if (table[i].key)
			expect_member(object, table[i].key, table[i].value);
		json_decref(object);
	}
}

Test(log, json_subject_cannot_pose_as_time_or_level)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("time=never level=error: x");
	json_t *object = next_object();

	expect_member(object, "level", "info");
	expect_now(json_string_value(json_object_get(object, "time")));
	json_decref(object);
}

Test(log, json_survives_any_bytes)
{
	char bytes[256];

	for (int i = 0; i < 255; i++)
		bytes[i] = (char)(i + 1);
	bytes[255] = 0;
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("name=%s: %s", bytes, bytes);
	json_decref(next_object());

	log_info("name=Büro: größer");
	json_t *object = next_object();
	expect_member(object, "name", "Büro");
	expect_member(object, "message", "größer");
	json_decref(object);
}

Test(log, message_cannot_begin_a_line_or_send_escapes)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL);
	log_info("name=a\n<3>b\r\t\033[31m\177: c");
	cr_expect(eq(str, next_line(), (char *)"<6>name=a?<3>b???[31m?: c"));
}

/* Around the limit, with bytes that JSON doubles and characters that must not be halved. */
Test(log, lines_are_cut_at_2_kib)
{
	static const char *const units[] = {"a", "\"", "ü", "€", "𝄞", "\xbf"};
	static const enum log_format formats[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL,
	                                          LOG_FORMAT_JSON};
	static char message[3 * LINE_LEN];

	for (size_t f = 0; f < 3; f++) {
		log_init(LOG_LEVEL_INFO, formats[f]);
		for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
			for (size_t len = LINE_LEN - 130; len < LINE_LEN + 20; len++) {
				size_t unit_len = strlen(units[u]);

				memset(message, 'x', len);
				for (size_t i = len % unit_len; i < len; i += unit_len)
					memcpy(message + i, units[u], unit_len);
				message[len] = 0;
				log_info("%s", message);
				if (formats[f] == LOG_FORMAT_JSON) {
					json_decref(next_object());
					continue;
				}
				char *text = next_line();
				json_t *string = json_string(text);
				bool is_whole = string != NULL;

				json_decref(string);
				cr_expect(eq(int, is_whole, units[u][0] != '\xbf'), "%zu bytes",
				          len);
				if (len >= LINE_LEN)
					cr_expect(ge(sz, strlen(text), LINE_LEN - 6));
			}
		}
	}
}

Test(log, json_with_a_huge_subject_is_still_a_line)
{
	char words[1500] = "";

	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (int i = 0; i < 8; i++)
		sprintf(words + strlen(words), "%sk%d=%.60s", i ? " " : "", i,
		        "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
		        "\"\"\""
		        "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"");
	words[511] = 0;
	log_info("%s: %01500d", words, 7);
	json_t *object = next_object();

	cr_expect(ne(ptr, json_object_get(object, "k7"), NULL));
	json_decref(object);

	memset(words, 'v', sizeof words - 1);
	words[1] = '=';
	log_info("%s: rest", words);
	object = next_object();
	cr_expect(eq(sz, json_object_size(object), 3)); /* too long for a subject */
	json_decref(object);
}

Test(log, errno_is_seen_and_kept)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	errno = ENETDOWN;
	log_info("%m");
	cr_expect(eq(int, errno, ENETDOWN));
	json_t *object = next_object();
	expect_member(object, "message", strerror(ENETDOWN));
	json_decref(object);
}

static void write_fifty(void *arg)
{
	for (int i = 0; i < 50; i++)
		log_info("writer=%d: %0200d", *(int *)arg, i);
}

/* Four threads say fifty lines each; all come, each whole and in its order. */
static void expect_two_hundred(void)
{
	struct thread t[4];
	int id[4] = {0, 1, 2, 3}, next[4] = {0};

	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL);
	for (int i = 0; i < 4; i++)
		cr_assert(eq(int, thread_start(&t[i], "w", THREAD_HELPER, -1, write_fifty, &id[i]),
		             0));
	for (int i = 0; i < 4; i++)
		thread_join(&t[i]);
	log_flush();

	for (char *text = next_line(); text; text = next_line()) {
		int writer, number;

		cr_assert(eq(int, sscanf(text, "<6>writer=%1d: %200d", &writer, &number), 2));
		cr_assert(ge(int, writer, 0));
		cr_assert(lt(int, writer, 4));
		cr_expect(eq(sz, strlen(text), strlen("<6>writer=0: ") + 200));
		cr_expect(eq(int, number, next[writer]++));
	}
	for (int i = 0; i < 4; i++)
		cr_expect(eq(int, next[i], 50));
}

Test(log, lines_of_several_threads_stay_whole, .timeout = 20)
{
	expect_two_hundred();
}

Test(log, lines_of_several_threads_stay_whole_through_the_writer, .timeout = 20)
{
	cr_assert(eq(int, log_start(), 0));
	expect_two_hundred();
	log_stop();
	cr_expect(eq(u64, log_lost(), 0));
}

/* These take the place of the C library's, so that no system log is needed. The second is what the
 * first becomes under _FORTIFY_SOURCE.
 */
void syslog(int priority, const char *fmt, ...);
void __syslog_chk(int priority, int flag, const char *fmt, ...);
static char syslog_text[LINE_LEN];
static int syslog_priority = -1;
static unsigned syslog_count;
static pthread_t syslog_thread;

static void take_syslog(int priority, const char *fmt, va_list args)
{
	syslog_thread = pthread_self();
	syslog_count++;
	syslog_priority = priority;
	vsnprintf(syslog_text, sizeof syslog_text, fmt, args);
}

void syslog(int priority, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	take_syslog(priority, fmt, args);
	va_end(args);
}

void __syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list args;

	(void)flag;
	va_start(args, fmt);
	take_syslog(priority, fmt, args);
	va_end(args);
}

Test(log, syslog_gets_the_message_as_data)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_to_syslog();
	log_warning("name=%s: down", "%n%s");
	cr_expect(eq(int, syslog_priority, 4));
	cr_expect(eq(str, syslog_text, (char *)"name=%n%s: down"));
	cr_expect(eq(ptr, next_line(), NULL), "nothing on stderr");
}

/* Time and level are syslog's, but the program that reads objects gets whole ones. */
Test(log, syslog_gets_the_chosen_format)
{
	static const enum log_format plain[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL};

	log_to_syslog();
	for (size_t i = 0; i < 2; i++) {
		log_init(LOG_LEVEL_INFO, plain[i]);
		log_error("name=a: gone");
		cr_expect(eq(int, syslog_priority, 3));
		cr_expect(eq(str, syslog_text, (char *)"name=a: gone"));
	}
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("name=a: back");
	json_t *object = json_loads(syslog_text, JSON_REJECT_DUPLICATES, NULL);

	cr_assert(ne(ptr, object, NULL), "%s", syslog_text);
	cr_expect(eq(ptr, strchr(syslog_text, '\n'), NULL));
	expect_member(object, "level", "info");
	expect_member(object, "name", "a");
	expect_member(object, "message", "back");
	json_decref(object);
}

/* ---- the writer ---- */

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
	cr_assert(gt(sz, filler_bytes, 0));
	close(fd);
}

/* The reader is back. */
static void take_filler(void)
{
	while (filler_bytes > 0) {
		size_t wanted = filler_bytes < sizeof line ? filler_bytes : sizeof line;
		ssize_t n = read(pipe_read, line, wanted);

		cr_assert(gt(long, n, 0));
		filler_bytes -= (size_t)n;
	}
}

/* The next line, for which it waits. */
static char *await_line(void)
{
	struct pollfd p = {.fd = pipe_read, .events = POLLIN};

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

Test(log, writer_keeps_the_order_and_writes_what_was_said_before_the_stop)
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

Test(log, reader_that_stops_holds_up_nobody_and_learns_what_it_missed)
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
Test(log, what_was_lost_is_told_where_it_was_lost)
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
	cr_assert(gt(u64, log_lost(), LOG_RING_LINES / 2));
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
	struct pollfd p = {.fd = pipe_read, .events = POLLIN};

	*(unsigned *)arg = 0;
	while (*(unsigned *)arg < 2 && poll(&p, 1, 20000) > 0)
		*(unsigned *)arg += read(pipe_read, text, sizeof text) > 0;
}

/* The pipe holds one line, so that the writer, which has found the ring empty, waits for room to
 * tell of those that were lost. What is said then is no news to it when it gets on, unless it looks
 * again.
 */
Test(log, what_is_said_while_lost_lines_are_told_is_flushed)
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

Test(log, reader_that_never_comes_back_does_not_stop_the_end)
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
	struct pollfd p = {.fd = pipe_read, .events = POLLIN};

	(void)arg;
	while (!strstr(text, "\"19\"") && poll(&p, 1, 20000) > 0) {
		ssize_t n = read(pipe_read, text, sizeof text - 1);

		text[n > 0 ? n : 0] = 0;
		usleep(1000);
	}
}

Test(log, slow_reader_gets_all_before_the_end)
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
Test(log, line_that_is_stuck_goes_where_the_log_goes_then)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	start_stuck(LOG_FORMAT_JSON);
	log_info("a");
	log_info("b");
	cr_expect(not(log_flush()));
	dup2(null, STDERR_FILENO);
	log_to_syslog();
	cr_expect(log_flush());
	cr_expect(eq(uint, syslog_count, 2));
	cr_expect(ne(ptr, strstr(syslog_text, "\"message\":\"b\""), NULL), "%s", syslog_text);
	cr_expect(not(pthread_equal(syslog_thread, pthread_self())), "whoever logs never waits");
	cr_expect(eq(u64, log_lost(), 0));
	log_stop();
	close(null);
}

Test(log, what_cannot_be_written_is_counted)
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
Test(log, open_file_that_does_not_block_loses_nothing)
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

Test(log, limit_lets_a_burst_pass_and_then_one_per_interval)
{
	struct log_limit limit = {.interval_ns = NS_PER_S, .burst = 3};
	uint64_t held = 77, t = 1000 * NS_PER_S;
	static const struct {
		uint64_t at_ns; /* after t */
		int passes;
		uint64_t held;
	} table[] = {
		{0, 1, 0},
		{1, 1, 0},
		{2, 1, 0},
		{3, 0, 0},
		{NS_PER_S - 1, 0, 0},
		{NS_PER_S, 1, 2},
		{NS_PER_S + 1, 0, 0},
		{2 * NS_PER_S - 1, 0, 0},
		{2 * NS_PER_S, 1, 2},
		{60 * NS_PER_S, 1, 0}, /* a long rest fills it, and no more than that */
		{60 * NS_PER_S, 1, 0},
		{60 * NS_PER_S, 1, 0},
		{60 * NS_PER_S, 0, 0},
		{61 * NS_PER_S - 1, 0, 0},
		{61 * NS_PER_S, 1, 2},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		uint64_t before = held;

		cr_expect(
			eq(int, log_limit_pass(&limit, t + table[i].at_ns, &held), table[i].passes),
			"step %zu", i);
		cr_expect(eq(u64, held, table[i].passes ? table[i].held : before), "step %zu", i);
	}
}

Test(log, limit_at_time_zero_is_full_too)
{
	struct log_limit limit = {.interval_ns = NS_PER_S, .burst = 1};
	uint64_t held;

	cr_expect(log_limit_pass(&limit, 0, &held));
	cr_expect(not(log_limit_pass(&limit, 0, &held)));
	cr_expect(log_limit_pass(&limit, NS_PER_S, &held));
	cr_expect(eq(u64, held, 1));
}
