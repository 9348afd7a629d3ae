/* SPDX-License-Identifier: MIT */
/* The runner behind criterion.h of this directory: each test in a process of its own, results as
 * TAP.
 *
 * A test has passed when its process ends by itself with PASSED, which is not 0: exit(0) in the
 * code under test is no success.
 */
#include "criterion/new/assert.h"
#include "criterion/redirect.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PASSED  81
#define FAILED  82
#define SKIPPED 83

#define TIMEOUT_S 300.0 /* of a test that names none; emulated processors are slow */

static struct standin_test *tests, **tests_end = &tests;
static struct standin_test *suites;

/* Of the test's process. */
static _Atomic bool has_failed;
static int errors_fd; /* standard error before the test redirected it */

/* ---- comparisons ---- */

/* The last comparison, put into words only when the check fails: there are millions. */
static _Thread_local struct {
	enum kind {
		NOTHING,
		SIGNED,
		UNSIGNED,
		DOUBLE,
		TEXT,
		MEMORY
	} kind;
	const char *op;
	union value {
		intmax_t i;
		uintmax_t u;
		double d;
		const char *s;
	} a, b;
} last;

static void keep(enum kind kind, const char *op, union value a, union value b)
{
	last.kind = kind;
	last.op = op;
	last.a = a;
	last.b = b;
}

/* Whether @op holds for operands of which the first is less than, equal to or above the second. */
static bool holds(const char *op, bool is_less, bool is_equal)
{
	switch (op[0]) {
	case '=':
		return is_equal;
	case '!':
		return !is_equal;
	case '<':
		return is_less || (is_equal && op[1]);
	default:
		return (!is_less && !is_equal) || (is_equal && op[1]);
	}
}

bool standin_signed(const char *op, intmax_t a, intmax_t b)
{
	keep(SIGNED, op, (union value){.i = a}, (union value){.i = b});
	return holds(op, a < b, a == b);
}

bool standin_unsigned(const char *op, uintmax_t a, uintmax_t b)
{
	keep(UNSIGNED, op, (union value){.u = a}, (union value){.u = b});
	return holds(op, a < b, a == b);
}

bool standin_double(const char *op, double a, double b)
{
	keep(DOUBLE, op, (union value){.d = a}, (union value){.d = b});
	return !isnan(a) && !isnan(b) && holds(op, a < b, a == b);
}

bool standin_near(double a, double b, double epsilon)
{
	keep(DOUBLE, "is near", (union value){.d = a}, (union value){.d = b});
	return fabs(a - b) <= epsilon;
}

bool standin_str(const char *op, const char *a, const char *b)
{
	int order = strcmp(a, b);

	keep(TEXT, op, (union value){.s = a}, (union value){.s = b});
	return holds(op, order < 0, order == 0);
}

bool standin_mem(const char *op, struct cr_mem a, struct cr_mem b)
{
	bool is_equal = a.size == b.size && !memcmp(a.data, b.data, a.size);

	keep(MEMORY, op, (union value){.u = a.size}, (union value){.u = b.size});
	return holds(op, false, is_equal);
}

static void print_last(FILE *out)
{
	switch (last.kind) {
	case NOTHING:
		break;
	case SIGNED:
		fprintf(out, " (%jd %s %jd)", last.a.i, last.op, last.b.i);
		break;
	case UNSIGNED:
		fprintf(out, " (%ju %s %ju)", last.a.u, last.op, last.b.u);
		break;
	case DOUBLE:
		fprintf(out, " (%.17g %s %.17g)", last.a.d, last.op, last.b.d);
		break;
	case TEXT:
		fprintf(out, " (\"%s\" %s \"%s\")", last.a.s, last.op, last.b.s);
		break;
	case MEMORY:
		fprintf(out, " (%ju bytes %s %ju bytes)", last.a.u, last.op, last.b.u);
		break;
	}
}

/* ---- in the test's process ---- */

static void say(const char *file, int line, const char *text, const char *format, va_list args)
{
	char *words = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&words, &len);

	if (!out)
		abort();
	fprintf(out, "# %s:%d: not true: %s", file, line, text);
	print_last(out);
	fputs(":", out);
	vfprintf(out, format, args);
	fputs("\n", out);
	fclose(out);
	if (write(errors_fd, words, len) < 0)
		abort();
	free(words);
}

void standin_check(bool is_true, bool is_fatal, const char *file, int line, const char *text,
                   const char *format, ...)
{
	va_list args;

	if (!is_true) {
		va_start(args, format);
		say(file, line, text, format, args);
		va_end(args);
		has_failed = true;
		if (is_fatal)
			_exit(FAILED);
	}
	last.kind = NOTHING;
}

void standin_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	dprintf(errors_fd, "#");
	vdprintf(errors_fd, format, args);
	dprintf(errors_fd, "\n");
	va_end(args);
	_exit(has_failed ? FAILED : SKIPPED);
}

static FILE *redirected[3];

void standin_redirect(int fd)
{
	int file = memfd_create("redirected", MFD_CLOEXEC);
	char path[32];

	fflush(NULL);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	redirected[fd] = fopen(path, "re");
	if (file < 0 || dup2(file, fd) != fd || !redirected[fd])
		abort();
	close(file);
}

FILE *standin_redirected(int fd)
{
	fflush(NULL);
	return redirected[fd];
}

static const struct standin_options *options_of_suite(const char *suite)
{
	static const struct standin_options none;

	for (struct standin_test *s = suites; s; s = s->next)
		if (!strcmp(s->suite, suite))
			return &s->options;
	return &none;
}

static void call(void (*function)(void))
{
	if (function)
		function();
}

static _Noreturn void be_the_test(const struct standin_test *test, void *param)
{
	const struct standin_options *suite = options_of_suite(test->suite);

	errors_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	call(suite->init);
	call(test->options.init);
	if (test->params)
		test->run_with(param);
	else
		test->run();
	call(test->options.fini);
	call(suite->fini);
	fflush(NULL);
	_exit(has_failed ? FAILED : PASSED);
}

/* ---- the runner ---- */

void standin_add(struct standin_test *test)
{
	if (!test->name) {
		test->next = suites;
		suites = test;
		return;
	}
	*tests_end = test;
	tests_end = &test->next;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits for @pid; past @until_s it is killed. SIGCHLD is blocked. Returns what waitpid() tells. */
static int wait_until(pid_t pid, double until_s)
{
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		double left = until_s - now_s();
		struct timespec wait = {.tv_sec = (time_t)left};

		if (left <= 0)
			kill(pid, SIGKILL);
		else
			wait.tv_nsec = (long)((left - (double)wait.tv_sec) * 1e9);
		sigtimedwait(&child, NULL, &wait);
	}
	return status;
}

/* Returns the exit status of the process, 0 when it had none. */
static int run(const struct standin_test *test, void *param, const sigset_t *mask)
{
	double timeout = test->options.timeout;

	if (!timeout)
		timeout = options_of_suite(test->suite)->timeout;
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return 0;
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		be_the_test(test, param);
	}
	int status = wait_until(pid, now_s() + (timeout ? timeout : TIMEOUT_S));
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	printf("# ended by signal %d\n", WTERMSIG(status));
	return 0;
}

/* Prints the point, or points, of @test. Returns how many. */
static unsigned report(const struct standin_test *test, unsigned number, const sigset_t *mask,
                       unsigned *failed)
{
	struct standin_params all = {.length = 1};

	if (test->params)
		all = test->params();
	for (size_t i = 0; i < all.length; i++) {
		void *param = all.params ? (char *)all.params + i * all.size : NULL;
		int outcome = run(test, param, mask);
		bool is_good = outcome == PASSED || outcome == SKIPPED;

		printf("%sok %u - %s::%s%s\n", is_good ? "" : "not ", ++number, test->suite,
		       test->name, outcome == SKIPPED ? " # SKIP" : "");
		*failed += !is_good;
	}
	return (unsigned)all.length;
}

int main(void)
{
	unsigned count = 0, failed = 0;
	sigset_t child, before;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	puts("TAP version 13");
	for (const struct standin_test *test = tests; test; test = test->next)
		count += report(test, count, &before, &failed);
	printf("1..%u\n", count);
	return failed || !count;
}
