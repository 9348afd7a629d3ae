/* SPDX-License-Identifier: MIT */
/* log_level.h - how grave a line of the log is, and how lines are written. */
#ifndef BASE_LOG_LEVEL_H
#define BASE_LOG_LEVEL_H

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
};

#endif
