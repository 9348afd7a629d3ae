/* SPDX-License-Identifier: MIT */
/* log.h - lines for people and for machines that watch.
 *
 * A line begins with its subject as "key=value" words and a colon, tells the cause and what
 * happens next: "peer=office path=lte0: no answer to 5 initiations, retrying in 5 s". In JSON the
 * words of the subject become members of their own. Only control and start-up log; the data plane
 * counts. Secrets never appear.
 *
 * Any thread. Whoever logs does not wait for whoever reads: lines are written by a thread of their
 * own between log_start() and log_stop(), and lost, counted, when they come faster than they are
 * taken. Outside these two, at start and at the very end, they are written at once. A line is
 * written with one system call and so stays whole.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log_level.h"

/* Until then: text on standard error at level info. */
void log_init(enum log_level level, enum log_format format);

/* From now on lines go to syslog(3), which has the time and the level: objects for
 * LOG_FORMAT_JSON, bare messages for the others. For a daemon without a standard error.
 */
void log_to_syslog(void);

/* Starts the thread that writes. Returns 0 or a negative errno. Not before a fork. */
int log_start(void);

/* Waits, a second at most, until everything said so far was written. False when it was not. One
 * thread at a time.
 */
bool log_flush(void);

/* Ends the thread when it has written what was said, or after a second without it: then it stays
 * behind and what is said from now on is lost, for want of somebody who reads. Nobody else logs
 * meanwhile. Nothing to do when it was never started.
 */
void log_stop(void);

/* Lines that were lost: no room for them, or they could not be written. Any thread. */
uint64_t log_lost(void);

/* May be called at any time, from any thread. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                           \
	do {                                                     \
		if (log_enabled(LOG_LEVEL_DEBUG))                \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

/* A budget for lines that a remote host can cause: at most @burst lines, refilled at one per
 * @interval_ns. All zero but the two settings: full. One thread.
 */
struct log_limit {
	uint64_t interval_ns;
	unsigned burst;
	unsigned used;
	uint64_t refilled_ns;
	uint64_t suppressed; /* lines held back since the last one let through */
};

/* True when a line may be written now. *@ret_suppressed tells how many were held back before. */
bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t *ret_suppressed);

#endif
