/* SPDX-License-Identifier: MIT */
#include "dataplane/drop.h"

const char *drop_name(enum drop_reason reason)
{
	static const char *const names[] = {
#define X(suffix, name, text) name,
		DROP_REASONS(X)
#undef X
	};

	return names[reason];
}

const char *drop_text(enum drop_reason reason)
{
	static const char *const texts[] = {
#define X(suffix, name, text) text,
		DROP_REASONS(X)
#undef X
	};

	return texts[reason];
}
