/* SPDX-License-Identifier: MIT */
/* The formats one by one, without any output; what they have in common with the whole is in
 * test_log.
 */
#include "base/log_format.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <string.h>
#include <syslog.h>

static struct log_line line_of(const char *message)
{
	struct log_line line = {.time = {.tv_sec = 1769860800, .tv_nsec = 7999999},
	                        .level = LOG_LEVEL_WARNING};

	memcpy(line.message, message, strlen(message) + 1);
	return line;
}

Test(log_format, each_format_has_its_form)
{
	static const struct {
		enum log_format format;
		const char *wanted;
	} table[] = {
		{LOG_FORMAT_TEXT, "2026-01-31T12:00:00.007Z warning peer=a: b\n"},
		{LOG_FORMAT_JOURNAL, "<4>peer=a: b\n"},
		{LOG_FORMAT_JSON, "{\"time\":\"2026-01-31T12:00:00.007Z\",\"level\":\"warning\","
	                          "\"peer\":\"a\",\"message\":\"b\"}\n"},
	};
	char buf[LOG_LINE_LEN + 1];

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct log_line line = line_of("peer=a: b");
		size_t len = log_format_line(&line, table[i].format, buf);

		buf[len] = 0;
		cr_expect(eq(str, buf, (char *)table[i].wanted));
	}
}

Test(log_format, syslog_has_time_and_level_itself)
{
	char buf[LOG_LINE_LEN];
	struct log_line line = line_of("peer=a: b");
	size_t len = log_format_syslog(&line, LOG_FORMAT_TEXT, buf);

	cr_expect(eq(str, buf, (char *)"peer=a: b"));
	cr_expect(eq(sz, len, strlen(buf)));
	len = log_format_syslog(&line, LOG_FORMAT_JSON, buf);
	cr_expect(eq(sz, len, strlen(buf)));
	json_t *object = json_loads(buf, JSON_REJECT_DUPLICATES, NULL);
	cr_assert(ne(ptr, object, NULL), "%s", buf);
	json_decref(object);
	cr_expect(eq(int, log_syslog_priority(LOG_LEVEL_ERROR), LOG_ERR));
	cr_expect(eq(int, log_syslog_priority(LOG_LEVEL_DEBUG), LOG_DEBUG));
}

/* A buffer of its own for each, so that a sanitizer sees one byte too many. */
Test(log_format, no_line_is_longer_than_its_buffer)
{
	static const enum log_format formats[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL,
	                                          LOG_FORMAT_JSON};
	static const char units[] = {'a', '"', '\xbf'};

	for (size_t f = 0; f < 3; f++) {
		for (size_t u = 0; u < 3; u++) {
			for (size_t len = LOG_LINE_LEN - 130; len < LOG_LINE_LEN; len++) {
				char *buf = malloc(LOG_LINE_LEN);
				struct log_line line = line_of("");

				memset(line.message, units[u], len);
				line.message[len] = 0;
				log_line_clean(&line);
				struct log_line again = line;
				size_t n = log_format_line(&line, formats[f], buf);
				cr_assert(lt(sz, 1, n));
				cr_assert(le(sz, n, LOG_LINE_LEN));
				cr_assert(eq(int, buf[n - 1], '\n'));
				n = log_format_syslog(&again, formats[f], buf);
				cr_assert(lt(sz, n, LOG_LINE_LEN));
				cr_assert(eq(sz, strlen(buf), n));
				free(buf);
			}
		}
	}
}

Test(log_format, unfit_characters_are_replaced)
{
	struct log_line line = line_of("a\nb\033[31m\177\xc3\xbc");

	log_line_clean(&line);
	cr_expect(eq(str, line.message, (char *)"a?b?[31m?\xc3\xbc"));
}
