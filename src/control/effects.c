/* SPDX-License-Identifier: MIT */
#include "control/effects.h"

#include <stdarg.h>
#include <stdio.h>

void effects_log(struct effects *fx, enum log_level level, const char *fmt, ...)
{
	char line[EFFECTS_LINE_LEN];
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	fx->log(fx, level, line);
}

/* The bounds are small against 2^64, so what the remainder favours cannot be told. */
uint64_t effects_random_below(struct effects *fx, uint64_t bound)
{
	uint64_t any;

	fx->random(fx, &any, sizeof any);
	return any % bound;
}
