/* SPDX-License-Identifier: MIT */
#include "log_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/thread.h"

int log_reader;
struct syslog_taken syslog_taken = {.priority = -1};
static int stderr_before;

void begin_capture(void)
{
	int ends[2];

	cr_assert(eq(int, pipe2(ends, O_DIRECT | O_CLOEXEC), 0));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20); /* 256 lines before a writer would wait */
	stderr_before = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	log_reader = ends[0];
}

void end_capture(void)
{
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	close(log_reader);
}

char *next_line(void)
{
	static char line[2 * LINE_LEN];
	ssize_t n = read(log_reader, line, sizeof line - 1);

	if (n <= 0)
		return NULL;
	line[n] = 0;
	cr_assert(le(long, n, (long)LINE_LEN));
	cr_assert(eq(int, line[n - 1], '\n'));
	cr_assert(eq(ptr, strchr(line, '\n'), line + n - 1), "one line per write");
	line[n - 1] = 0;
	return line;
}

json_t *next_object(void)
{
	char *text = next_line();
	json_error_t error;

	cr_assert(ne(ptr, text, NULL));
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert(ne(ptr, object, NULL), "%s in %s", error.text, text);
	return object;
}

void expect_member(json_t *object, const char *key, const char *value)
{
	const char *found = json_string_value(json_object_get(object, key));

	cr_assert(ne(ptr, (void *)found, NULL), "no member %s", key);
	cr_expect(eq(str, (char *)found, (char *)value), "member %s", key);
}

void expect_now(const char *text)
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

/* ---- several threads ---- */

static void write_fifty(void *arg)
{
	for (int i = 0; i < 50; i++)
		log_info("writer=%d: %0200d", *(int *)arg, i);
}

void expect_two_hundred(void)
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

/* ---- the system log ---- */

/* These take the place of the C library's. The second is what the first becomes under
 * _FORTIFY_SOURCE.
 */
void syslog(int priority, const char *fmt, ...);
void __syslog_chk(int priority, int flag, const char *fmt, ...);

static void take_syslog(int priority, const char *fmt, va_list args)
{
	syslog_taken.thread = pthread_self();
	syslog_taken.count++;
	syslog_taken.priority = priority;
	vsnprintf(syslog_taken.text, sizeof syslog_taken.text, fmt, args);
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
