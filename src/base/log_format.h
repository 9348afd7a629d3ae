/* SPDX-License-Identifier: MIT */
/* log_format.h - a line of the log as bytes: for people, for machines, for the journal, for syslog.
 *
 * No state, no output, any thread.
 */
#ifndef BASE_LOG_FORMAT_H
#define BASE_LOG_FORMAT_H

#include <stddef.h>
#include <time.h>

#include "base/log_level.h"

#define LOG_LINE_LEN 2048u /* bytes, newline included: below PIPE_BUF, so a pipe keeps it whole */

/* What was said, before anybody knows how it will be written. */
struct log_line {
	struct timespec time; /* wall time of the saying */
	enum log_level level;
	char message[LOG_LINE_LEN]; /* ends with a zero; cut while it is written */
};

/* Makes the message fit to be written, which vsnprintf() or a stranger's name may have left unfit:
 * no half of a UTF-8 character at its end, no character in it that begins a line or steers a
 * terminal.
 */
void log_line_clean(struct log_line *line);

/* Writes the line as @format wants it, newline included and no zero behind, and returns its
 * length: at most LOG_LINE_LEN, what is longer is cut; 0 without memory.
 */
size_t log_format_line(struct log_line *line, enum log_format format,
                       char buf[static LOG_LINE_LEN]);

/* What syslog(3) gets, with a zero behind, and its length: the object for LOG_FORMAT_JSON, else
 * the bare message, since time and level are the system log's.
 */
size_t log_format_syslog(struct log_line *line, enum log_format format,
                         char buf[static LOG_LINE_LEN]);

/* As syslog(3) and the journal count: LOG_ERR to LOG_DEBUG. */
int log_syslog_priority(enum log_level level);

#endif
