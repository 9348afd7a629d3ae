/* SPDX-License-Identifier: MIT */
/* log_rig.h - what the log says: standard error and the system log in the hands of the test.
 *
 * Standard error becomes a pipe in packet mode, where each read gives what one write(2) gave: that
 * a line is one write is seen, not assumed. No system log is needed: what would go there is kept.
 */
#ifndef TESTS_BASE_LOG_RIG_H
#define TESTS_BASE_LOG_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define LINE_LEN 2048u

extern int log_reader; /* the end of the pipe that is read from; does not block */

/* The last line for the system log, and how many there were. */
extern struct syslog_taken {
	char text[LINE_LEN];
	int priority; /* -1: there was none */
	unsigned count;
	pthread_t thread;
} syslog_taken;

/* For the .init and .fini of a suite. */
void begin_capture(void);
void end_capture(void);

/* The next line without its newline, or NULL. Valid until the next call. */
char *next_line(void);

/* The same as JSON, which it must be; the caller's reference. */
json_t *next_object(void);

void expect_member(json_t *object, const char *key, const char *value);

/* "2026-01-31T12:00:00.123Z" is UTC, of this moment, and has milliseconds. */
void expect_now(const char *text);

/* Fifty lines each of four threads are said, and come: each whole and in its order. */
void expect_two_hundred(void);

#endif
