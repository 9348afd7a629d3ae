/* SPDX-License-Identifier: MIT */
/* criterion.h - what our tests use of Criterion, for machines that it does not exist for.
 *
 * Debian has no Criterion for armhf and s390x, and it starts each test as a program of its own,
 * which a cross build under qemu-user cannot. Here each test is a fork of the runner (standin.c).
 * With Criterion the tests are built against that: it says more, and this is to be no framework.
 */
#ifndef STANDIN_CRITERION_H
#define STANDIN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands behind the names in Test() and TestSuite(). */
struct standin_options {
	char none; /* else there would be no initializer without options */
	void (*init)(void);
	void (*fini)(void);
	double timeout; /* seconds; 0: the runner's */
};

struct standin_params {
	size_t size, length;
	void *params;
};

struct standin_test {
	const char *suite, *name; /* name NULL: the options of a whole suite */
	void (*run)(void);
	struct standin_params (*params)(void); /* NULL: runs once, without any */
	void (*run_with)(void *param);
	struct standin_options options;
	struct standin_test *next;
};

/* Before main(), by the constructors that the macros make. */
void standin_add(struct standin_test *test);

#define STANDIN_ADD(id, ...)                                            \
	static struct standin_test standin_##id = {__VA_ARGS__};        \
	__attribute__((constructor)) static void standin_add_##id(void) \
	{                                                               \
		standin_add(&standin_##id);                             \
	}

#define Test(s, n, ...)                                                     \
	static void s##_##n##_run(void);                                    \
	STANDIN_ADD(s##_##n, .suite = #s, .name = #n, .run = s##_##n##_run, \
	            .options = {.none = 0, __VA_ARGS__})                    \
	static void s##_##n##_run(void)

#define TestSuite(s, ...)                                                        \
	STANDIN_ADD(suite_##s, .suite = #s, .options = {.none = 0, __VA_ARGS__}) \
	_Static_assert(1, "takes the semicolon")

/* Passed if @is_true; what else is said of a failure, and whether it ends the test. */
void standin_check(bool is_true, bool is_fatal, const char *file, int line, const char *text,
                   const char *format, ...) __attribute__((format(printf, 6, 7)));
_Noreturn void standin_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The blank: an empty format is warned about. */
#define STANDIN_CHECK(is_fatal, text, condition, ...) \
	standin_check((condition), is_fatal, __FILE__, __LINE__, text, " " __VA_ARGS__)

#define cr_assert(...)    STANDIN_CHECK(true, #__VA_ARGS__, __VA_ARGS__)
#define cr_expect(...)    STANDIN_CHECK(false, #__VA_ARGS__, __VA_ARGS__)
#define cr_skip_test(...) standin_skip(" " __VA_ARGS__)
#define cr_skip(...)      standin_skip(" " __VA_ARGS__)
#define cr_fatal(...)                                                                        \
	do {                                                                                 \
		standin_check(false, true, __FILE__, __LINE__, "cr_fatal", " " __VA_ARGS__); \
		abort(); /* for the compiler: it was fatal */                                \
	} while (0)

#endif
