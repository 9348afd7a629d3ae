/* SPDX-License-Identifier: MIT */
/* Without the writer: whoever says a line writes it. See log_rig.h. */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "log_rig.h"
#include "vtrunkd/limits.h"

TestSuite(log, .init = begin_capture, .fini = end_capture);

Test(log, text_has_time_level_and_message)
{
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	log_init(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	log_error("a %d", 1);
	log_warning("b");
	log_info("peer=office: up");
	log_debug("d");

	static const char *const wanted[] = {" error a 1", " warning b", " info peer=office: up",
	                                     " debug d"};
	for (size_t i = 0; i < 4; i++) {
		char *text = next_line();

		cr_assert(ne(ptr, text, NULL));
		expect_now(text);
		cr_expect(eq(str, text + strlen("2026-01-31T12:00:00.123Z"), (char *)wanted[i]));
	}
	cr_expect(eq(ptr, next_line(), NULL));
}

Test(log, before_init_it_is_text_at_level_info)
{
	log_debug("no");
	log_info("yes");
	cr_expect(ne(ptr, strstr(next_line(), " info yes"), NULL));
	cr_expect(eq(ptr, next_line(), NULL));
}

Test(log, lines_below_the_level_are_not_written)
{
	log_init(LOG_LEVEL_WARNING, LOG_FORMAT_JOURNAL);
	log_info("no");
	log_debug("no");
	cr_expect(not(log_enabled(LOG_LEVEL_INFO)));
	cr_expect(log_enabled(LOG_LEVEL_WARNING));
	cr_expect(eq(ptr, next_line(), NULL));
	log_warning("yes");
	cr_expect(eq(str, next_line(), (char *)"<4>yes"));
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("now");
	cr_expect(eq(str, next_line(), (char *)"<7>now"));
}

Test(log, journal_lines_carry_the_priority)
{
	log_init(LOG_LEVEL_DEBUG, LOG_FORMAT_JOURNAL);
	log_error("e");
	cr_expect(eq(str, next_line(), (char *)"<3>e"));
	log_info("peer=office: up");
	cr_expect(eq(str, next_line(), (char *)"<6>peer=office: up"));
}

Test(log, auto_is_journal_only_when_stderr_is_the_stream_named)
{
	struct stat st;
	char stream[64];

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
	         (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_info("x");
	cr_expect(eq(str, next_line(), (char *)"<6>x"));

	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
	         (unsigned long long)st.st_ino + 1);
	const char *const others[] = {stream, "", "x", "1", NULL};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (others[i])
			setenv("JOURNAL_STREAM", others[i], 1);
		else
			unsetenv("JOURNAL_STREAM");
		log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
		log_info("x");
		expect_now(next_line());
	}
}

Test(log, json_makes_members_of_the_subject)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_warning("peer=office path=lte0: no answer to 5 initiations: retrying in %d s", 5);
	json_t *object = next_object();

	cr_expect(eq(sz, json_object_size(object), 5));
	expect_member(object, "level", "warning");
	expect_member(object, "peer", "office");
	expect_member(object, "path", "lte0");
	expect_member(object, "message", "no answer to 5 initiations: retrying in 5 s");
	expect_now(json_string_value(json_object_get(object, "time")));
	json_decref(object);
}

Test(log, json_subject_edges)
{
	static const struct {
		const char *line, *key, *value, *message; /* no key: no subject */
	} table[] = {
		{"plain", NULL, NULL, "plain"},
		{"cannot open a=b: no", NULL, NULL, "cannot open a=b: no"},
		{"a=b c: d", NULL, NULL, "a=b c: d"},
		{"=b: c", NULL, NULL, "=b: c"},
		{": c", NULL, NULL, ": c"},
		{"a=b:c", NULL, NULL, "a=b:c"},
		{"a=: c", "a", "", "c"},
		{"a=b: ", "a", "b", ""},
		{"key=AAA=: c", "key", "AAA=", "c"},
		{"remote=[::1]:5: c", "remote", "[::1]:5", "c"},
		{"name=\"q\\: c", "name", "\"q\\", "c"},
		{"message=x: c", NULL, NULL, "c"}, /* our own members win */
		{"", NULL, NULL, ""},
	};

	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		log_info("%s", table[i].line);
		json_t *object = next_object();

		expect_member(object, "message", table[i].message);
		expect_member(object, "level", "info");
		cr_expect(eq(sz, json_object_size(object), table[i].key ? 4 : 3), "%s",
		          table[i].line);
		if (table[i].key)
			expect_member(object, table[i].key, table[i].value);
		json_decref(object);
	}
}

Test(log, json_subject_cannot_pose_as_time_or_level)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("time=never level=error: x");
	json_t *object = next_object();

	expect_member(object, "level", "info");
	expect_now(json_string_value(json_object_get(object, "time")));
	json_decref(object);
}

Test(log, json_survives_any_bytes)
{
	char bytes[256];

	for (int i = 0; i < 255; i++)
		bytes[i] = (char)(i + 1);
	bytes[255] = 0;
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("name=%s: %s", bytes, bytes);
	json_decref(next_object());

	log_info("name=Büro: größer");
	json_t *object = next_object();
	expect_member(object, "name", "Büro");
	expect_member(object, "message", "größer");
	json_decref(object);
}

Test(log, message_cannot_begin_a_line_or_send_escapes)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL);
	log_info("name=a\n<3>b\r\t\033[31m\177: c");
	cr_expect(eq(str, next_line(), (char *)"<6>name=a?<3>b???[31m?: c"));
}

/* Around the limit, with bytes that JSON doubles and characters that must not be halved. */
Test(log, lines_are_cut_at_2_kib)
{
	static const char *const units[] = {"a", "\"", "ü", "€", "𝄞", "\xbf"};
	static const enum log_format formats[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL,
	                                          LOG_FORMAT_JSON};
	static char message[3 * LINE_LEN];

	for (size_t f = 0; f < 3; f++) {
		log_init(LOG_LEVEL_INFO, formats[f]);
		for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
			for (size_t len = LINE_LEN - 130; len < LINE_LEN + 20; len++) {
				size_t unit_len = strlen(units[u]);

				memset(message, 'x', len);
				for (size_t i = len % unit_len; i < len; i += unit_len)
					memcpy(message + i, units[u], unit_len);
				message[len] = 0;
				log_info("%s", message);
				if (formats[f] == LOG_FORMAT_JSON) {
					json_decref(next_object());
					continue;
				}
				char *text = next_line();
				json_t *string = json_string(text);
				bool is_whole = string != NULL;

				json_decref(string);
				cr_expect(eq(int, is_whole, units[u][0] != '\xbf'), "%zu bytes",
				          len);
				if (len >= LINE_LEN)
					cr_expect(ge(sz, strlen(text), LINE_LEN - 6));
			}
		}
	}
}

Test(log, json_with_a_huge_subject_is_still_a_line)
{
	char words[1500] = "";

	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (int i = 0; i < 8; i++)
		sprintf(words + strlen(words), "%sk%d=%.60s", i ? " " : "", i,
		        "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
		        "\"\"\""
		        "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"");
	words[511] = 0;
	log_info("%s: %01500d", words, 7);
	json_t *object = next_object();

	cr_expect(ne(ptr, json_object_get(object, "k7"), NULL));
	json_decref(object);

	memset(words, 'v', sizeof words - 1);
	words[1] = '=';
	log_info("%s: rest", words);
	object = next_object();
	cr_expect(eq(sz, json_object_size(object), 3)); /* too long for a subject */
	json_decref(object);
}

Test(log, errno_is_seen_and_kept)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	errno = ENETDOWN;
	log_info("%m");
	cr_expect(eq(int, errno, ENETDOWN));
	json_t *object = next_object();
	expect_member(object, "message", strerror(ENETDOWN));
	json_decref(object);
}

Test(log, lines_of_several_threads_stay_whole, .timeout = 20)
{
	expect_two_hundred();
}

Test(log, syslog_gets_the_message_as_data)
{
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_to_syslog();
	log_warning("name=%s: down", "%n%s");
	cr_expect(eq(int, syslog_taken.priority, 4));
	cr_expect(eq(str, syslog_taken.text, (char *)"name=%n%s: down"));
	cr_expect(eq(ptr, next_line(), NULL), "nothing on stderr");
}

/* Time and level are syslog's, but the program that reads objects gets whole ones. */
Test(log, syslog_gets_the_chosen_format)
{
	static const enum log_format plain[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL};

	log_to_syslog();
	for (size_t i = 0; i < 2; i++) {
		log_init(LOG_LEVEL_INFO, plain[i]);
		log_error("name=a: gone");
		cr_expect(eq(int, syslog_taken.priority, 3));
		cr_expect(eq(str, syslog_taken.text, (char *)"name=a: gone"));
	}
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("name=a: back");
	json_t *object = json_loads(syslog_taken.text, JSON_REJECT_DUPLICATES, NULL);

	cr_assert(ne(ptr, object, NULL), "%s", syslog_taken.text);
	cr_expect(eq(ptr, strchr(syslog_taken.text, '\n'), NULL));
	expect_member(object, "level", "info");
	expect_member(object, "name", "a");
	expect_member(object, "message", "back");
	json_decref(object);
}

Test(log, limit_lets_a_burst_pass_and_then_one_per_interval)
{
	struct log_limit limit = {.interval_ns = NS_PER_S, .burst = 3};
	uint64_t held = 77, t = 1000 * NS_PER_S;
	static const struct {
		uint64_t at_ns; /* after t */
		int passes;
		uint64_t held;
	} table[] = {
		{0, 1, 0},
		{1, 1, 0},
		{2, 1, 0},
		{3, 0, 0},
		{NS_PER_S - 1, 0, 0},
		{NS_PER_S, 1, 2},
		{NS_PER_S + 1, 0, 0},
		{2 * NS_PER_S - 1, 0, 0},
		{2 * NS_PER_S, 1, 2},
		{60 * NS_PER_S, 1, 0}, /* a long rest fills it, and no more than that */
		{60 * NS_PER_S, 1, 0},
		{60 * NS_PER_S, 1, 0},
		{60 * NS_PER_S, 0, 0},
		{61 * NS_PER_S - 1, 0, 0},
		{61 * NS_PER_S, 1, 2},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		uint64_t before = held;

		cr_expect(
			eq(int, log_limit_pass(&limit, t + table[i].at_ns, &held), table[i].passes),
			"step %zu", i);
		cr_expect(eq(u64, held, table[i].passes ? table[i].held : before), "step %zu", i);
	}
}

Test(log, limit_at_time_zero_is_full_too)
{
	struct log_limit limit = {.interval_ns = NS_PER_S, .burst = 1};
	uint64_t held;

	cr_expect(log_limit_pass(&limit, 0, &held));
	cr_expect(not(log_limit_pass(&limit, 0, &held)));
	cr_expect(log_limit_pass(&limit, NS_PER_S, &held));
	cr_expect(eq(u64, held, 1));
}
