/* SPDX-License-Identifier: MIT */
/* log.h - lines for people and for machines that watch.
 *
 * A line begins with its subject as "key=value" words and a colon, tells the cause and what happens
 * next: "peer=office path=lte0: no answer to 5 initiations, retrying in 5 s". In JSON the words of
 * the subject become members of their own. Only control and start-up log; the data plane counts.
 * Secrets never appear.
 *
 * Any thread; one line is written with one system call and so stays whole.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,   /* we stop, or lose the tunnel */
	LOG_LEVEL_WARNING, /* degraded, and what we do about it */
	LOG_LEVEL_INFO,    /* state changes a person wants in the journal */
	LOG_LEVEL_DEBUG,
};

enum log_format {
	LOG_FORMAT_AUTO,    /* journal under systemd, else text */
	LOG_FORMAT_TEXT,    /* "2026-01-31T12:00:00.123Z info peer=office: ..." */
	LOG_FORMAT_JSON,    /* one object per line */
	LOG_FORMAT_JOURNAL, /* "<6>peer=office: ...", time is the journal's */
	LOG_FORMAT_SYSLOG,  /* syslog(3), for a daemon without a terminal */
};

/* Before threads start. Until then: text on stderr at level info. */
void log_init(enum log_level level, enum log_format format);

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
