/* SPDX-License-Identifier: MIT */
#include "control/effects.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static char said[2 * EFFECTS_LINE_LEN];
static unsigned lines;
static enum log_level said_at;
static uint64_t next_random;

static void keep(struct effects *fx, enum log_level level, const char *line)
{
	(void)fx;
	strcpy(said, line);
	said_at = level;
	lines++;
}

static void draw(struct effects *fx, void *out, size_t len)
{
	(void)fx;
	cr_assert(eq(sz, len, sizeof next_random));
	memcpy(out, &next_random, len);
}

static struct effects fx = {.log = keep, .random = draw};

Test(effects, line_is_formatted_and_goes_to_whoever_implements_them)
{
	log_set_level(LOG_LEVEL_INFO);
	effects_log(&fx, LOG_LEVEL_INFO, "peer=%s: number %u", "office", 7u);
	cr_expect(eq(str, said, "peer=office: number 7"));
	cr_expect(eq(int, said_at, LOG_LEVEL_INFO));
}

Test(effects, line_that_nobody_wants_is_not_said)
{
	log_set_level(LOG_LEVEL_INFO);
	effects_log(&fx, LOG_LEVEL_DEBUG, "peer=office: a detail");
	cr_expect(eq(uint, lines, 0));
	log_set_level(LOG_LEVEL_DEBUG);
	effects_log(&fx, LOG_LEVEL_DEBUG, "peer=office: a detail");
	cr_expect(eq(uint, lines, 1));
}

Test(effects, line_too_long_is_cut)
{
	char text[2 * EFFECTS_LINE_LEN];

	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 0;
	effects_log(&fx, LOG_LEVEL_ERROR, "%s", text);
	cr_expect(eq(sz, strlen(said), EFFECTS_LINE_LEN - 1));
}

Test(effects, random_number_stays_below_its_bound)
{
	static const uint64_t any[] = {0, 1, 332, 333, 334, UINT64_MAX - 1, UINT64_MAX};

	for (size_t i = 0; i < sizeof any / sizeof *any; i++) {
		next_random = any[i];
		cr_expect(lt(u64, effects_random_below(&fx, 333), 333));
		cr_expect(eq(u64, effects_random_below(&fx, 1), 0));
	}
	next_random = 332;
	cr_expect(eq(u64, effects_random_below(&fx, 333), 332));
}
