/* SPDX-License-Identifier: MIT */
/* A line is built on the stack and handed over with one write(2), so lines of several threads do not
 * mix and nothing needs a lock. What cannot be written is lost: there is nobody to tell.
 */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_LEN          2048u /* bytes, newline included: below PIPE_BUF, so a pipe keeps it whole */
#define SUBJECT_LEN_MAX   512u /* with both bounds an escaped subject leaves room for the message */
#define SUBJECT_WORDS_MAX 8u

static const struct {
	const char *name;
	int priority; /* syslog's, also the number of the journal's prefix */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", LOG_ERR},
	[LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
	[LOG_LEVEL_INFO] = {"info", LOG_INFO},
	[LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

/* Relaxed throughout: a line more or less around the change is no harm. */
static _Atomic enum log_level current_level = LOG_LEVEL_INFO;
static enum log_format current_format = LOG_FORMAT_TEXT; /* set before threads start */

/* systemd names the device and inode of the stream it reads; redirected elsewhere, it is not ours. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_init(enum log_level level, enum log_format format)
{
	if (format == LOG_FORMAT_AUTO)
		format = stderr_is_journal() ? LOG_FORMAT_JOURNAL : LOG_FORMAT_TEXT;
	if (format == LOG_FORMAT_SYSLOG)
		openlog("vtrunkd", LOG_PID, LOG_DAEMON);
	current_format = format;
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

static void format_time(char *buf, size_t buf_len)
{
	struct timespec now = clock_wall();
	struct tm tm;
	char seconds[32];

	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, buf_len, "%s.%03uZ", seconds, (unsigned)(now.tv_nsec / 1000000) % 1000u);
}

/* Keeps at most @len bytes, and no half of a UTF-8 character (three more bytes at most). */
static void cut(char *text, size_t len)
{
	if (strlen(text) <= len)
		return;
	for (unsigned i = 0; i < 3 && len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; i++)
		len--;
	text[len] = 0;
}

/* A name that came from elsewhere must not be able to begin a line of its own, or colour it. */
static void replace_controls(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static void replace_non_ascii(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			*text = '?';
	}
}

static void write_line(char *line, size_t len)
{
	ssize_t r;

	line[len++] = '\n';
	do {
		r = write(STDERR_FILENO, line, len);
	} while (r < 0 && errno == EINTR);
}

static void write_prefixed(const char *prefix, char *message)
{
	char line[LINE_LEN];

	cut(message, sizeof line - 1 - strlen(prefix));
	snprintf(line, sizeof line, "%s%s", prefix, message);
	write_line(line, strlen(line));
}

static void write_text(enum log_level level, char *message)
{
	char time[40], prefix[64];

	format_time(time, sizeof time);
	snprintf(prefix, sizeof prefix, "%s %s ", time, levels[level].name);
	write_prefixed(prefix, message);
}

static void write_journal(enum log_level level, char *message)
{
	char prefix[8];

	snprintf(prefix, sizeof prefix, "<%d>", levels[level].priority);
	write_prefixed(prefix, message);
}

/* Adds the words of @subject to @object; changes @subject. False when one is not "key=value" or
 * there are too many.
 */
static bool add_subject(json_t *object, char *subject)
{
	unsigned count = 0;
	char *rest = NULL;

	for (char *word = strtok_r(subject, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *equals = strchr(word, '=');

		if (!equals || equals == word || ++count > SUBJECT_WORDS_MAX)
			return false;
		*equals = 0;
		json_object_set_new(object, word, json_string(equals + 1));
	}
	return count > 0;
}

/* The subject's words as an object and, in *@message, what follows it. Without a subject the object
 * is empty and the message whole. NULL without memory.
 */
static json_t *split_subject(const char **message)
{
	const char *colon = strstr(*message, ": ");
	char subject[SUBJECT_LEN_MAX];
	json_t *object = json_object();

	if (!object || !colon || (size_t)(colon - *message) >= sizeof subject)
		return object;
	memcpy(subject, *message, (size_t)(colon - *message));
	subject[colon - *message] = 0;
	if (add_subject(object, subject))
		*message = colon + 2;
	else
		json_object_clear(object);
	return object;
}

/* Time and level first, as people read; a subject cannot take their places or the message's. */
static json_t *build_object(enum log_level level, const char *message)
{
	char time[40];
	json_t *object = json_object();
	json_t *subject = split_subject(&message);

	format_time(time, sizeof time);
	json_object_set_new(object, "time", json_string(time));
	json_object_set_new(object, "level", json_string(levels[level].name));
	json_object_update_missing(object, subject);
	json_object_set_new(object, "message", json_string(message));
	json_decref(subject);
	return object;
}

/* Escapes lengthen a line. The message is then cut by as much as the line is too long, which is
 * enough, since each byte of it takes at least one; the bounds of a subject see to it that the
 * message has that many.
 */
static void write_json(enum log_level level, char *message)
{
	char line[LINE_LEN];
	json_t *object = build_object(level, message);
	size_t len = json_dumpb(object, line, sizeof line - 1, JSON_COMPACT);

	if (len > sizeof line - 1) {
		size_t message_len = strlen(message), excess = len - (sizeof line - 1);

		json_decref(object);
		cut(message, message_len > excess ? message_len - excess : 0);
		object = build_object(level, message);
		len = json_dumpb(object, line, sizeof line - 1, JSON_COMPACT);
	}
	json_decref(object);
	if (len > 0 && len <= sizeof line - 1)
		write_line(line, len);
}

static bool is_utf8(const char *text)
{
	json_t *string = json_string(text);
	bool is_valid = string != NULL;

	json_decref(string);
	return is_valid;
}

/* Leaves errno alone: callers log on their way out with an error. */
void log_write(enum log_level level, const char *fmt, ...)
{
	char message[LINE_LEN];
	int saved_errno = errno;
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, fmt);
	vsnprintf(message, sizeof message, fmt, args);
	va_end(args);
	cut(message, sizeof message - 2); /* vsnprintf() cuts anywhere */
	replace_controls(message);

	switch (current_format) {
	case LOG_FORMAT_JSON:
		if (!is_utf8(message))
			replace_non_ascii(message);
		write_json(level, message);
		break;
	case LOG_FORMAT_JOURNAL:
		write_journal(level, message);
		break;
	case LOG_FORMAT_SYSLOG:
		syslog(levels[level].priority, "%s", message);
		break;
	default:
		write_text(level, message);
	}
	errno = saved_errno;
}

/* Gives back what the time since the last refill is worth. A full budget does not save up. */
static void refill(struct log_limit *limit, uint64_t now_ns)
{
	uint64_t lines = (now_ns - limit->refilled_ns) / limit->interval_ns;

	if (lines >= limit->used) {
		limit->used = 0;
		limit->refilled_ns = now_ns;
		return;
	}
	limit->used -= (unsigned)lines;
	limit->refilled_ns += lines * limit->interval_ns;
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t *ret_suppressed)
{
	assert(limit->interval_ns > 0 && limit->burst > 0);
	refill(limit, now_ns);
	if (limit->used >= limit->burst) {
		limit->suppressed++;
		return false;
	}
	limit->used++;
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
