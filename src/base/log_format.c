/* SPDX-License-Identifier: MIT */
#include "base/log_format.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

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

static void format_time(const struct log_line *line, char *buf, size_t buf_len)
{
	struct tm tm;
	char seconds[32];

	gmtime_r(&line->time.tv_sec, &tm);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, buf_len, "%s.%03uZ", seconds,
	         (unsigned)(line->time.tv_nsec / 1000000) % 1000u);
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

static void replace_non_ascii(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			*text = '?';
	}
}

static size_t put_prefixed(const char *prefix, struct log_line *line, char *buf, size_t size)
{
	cut(line->message, size - 1 - strlen(prefix));
	return (size_t)snprintf(buf, size, "%s%s", prefix, line->message);
}

static size_t put_text(struct log_line *line, char *buf, size_t size)
{
	char time[40], prefix[64];

	format_time(line, time, sizeof time);
	snprintf(prefix, sizeof prefix, "%s %s ", time, levels[line->level].name);
	return put_prefixed(prefix, line, buf, size);
}

static size_t put_journal(struct log_line *line, char *buf, size_t size)
{
	char prefix[8];

	snprintf(prefix, sizeof prefix, "<%d>", levels[line->level].priority);
	return put_prefixed(prefix, line, buf, size);
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
static json_t *build_object(const struct log_line *line)
{
	const char *message = line->message;
	char time[40];
	json_t *object = json_object();
	json_t *subject = split_subject(&message);

	format_time(line, time, sizeof time);
	json_object_set_new(object, "time", json_string(time));
	json_object_set_new(object, "level", json_string(levels[line->level].name));
	json_object_update_missing(object, subject);
	json_object_set_new(object, "message", json_string(message));
	json_decref(subject);
	return object;
}

static bool is_utf8(const char *text)
{
	json_t *string = json_string(text);
	bool is_valid = string != NULL;

	json_decref(string);
	return is_valid;
}

/* Escapes lengthen a line. The message is then cut by as much as the line is too long, which is
 * enough, since each byte of it takes at least one; the bounds of a subject see to it that the
 * message has that many.
 */
static size_t put_json(struct log_line *line, char *buf, size_t size)
{
	if (!is_utf8(line->message))
		replace_non_ascii(line->message);
	json_t *object = build_object(line);
	size_t len = json_dumpb(object, buf, size - 1, JSON_COMPACT);

	if (len > size - 1) {
		size_t message_len = strlen(line->message), excess = len - (size - 1);

		json_decref(object);
		cut(line->message, message_len > excess ? message_len - excess : 0);
		object = build_object(line);
		len = json_dumpb(object, buf, size - 1, JSON_COMPACT);
	}
	json_decref(object);
	if (len > size - 1)
		len = 0;
	buf[len] = 0;
	return len;
}

/* A name that came from elsewhere must not be able to begin a line of its own, or colour it. */
static void replace_controls(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void log_line_clean(struct log_line *line)
{
	cut(line->message, sizeof line->message - 2); /* vsnprintf() cuts anywhere */
	replace_controls(line->message);
}

size_t log_format_line(struct log_line *line, enum log_format format, char buf[static LOG_LINE_LEN])
{
	size_t len; /* below LOG_LINE_LEN: the newline takes the place of the zero */

	if (format == LOG_FORMAT_JSON)
		len = put_json(line, buf, LOG_LINE_LEN);
	else if (format == LOG_FORMAT_JOURNAL)
		len = put_journal(line, buf, LOG_LINE_LEN);
	else
		len = put_text(line, buf, LOG_LINE_LEN);
	if (len > 0)
		buf[len++] = '\n';
	return len;
}

size_t log_format_syslog(struct log_line *line, enum log_format format,
                         char buf[static LOG_LINE_LEN])
{
	if (format == LOG_FORMAT_JSON)
		return put_json(line, buf, LOG_LINE_LEN);
	return put_prefixed("", line, buf, LOG_LINE_LEN);
}

int log_syslog_priority(enum log_level level)
{
	return levels[level].priority;
}
