/* SPDX-License-Identifier: MIT */
#include "config/dscp.h"

#include <stdlib.h>
#include <strings.h>

const char *const config_dscp_names[] = {"ef",   "va",   "le",   "cs0",  "cs1",  "cs2",
                                         "cs3",  "cs4",  "cs5",  "cs6",  "cs7",  "af11",
                                         "af12", "af13", "af21", "af22", "af23", "af31",
                                         "af32", "af33", "af41", "af42", "af43", NULL};

static const uint8_t values[] = {46, 44, 1,  0,  8,  16, 24, 32, 40, 48, 56, 10,
                                 12, 14, 18, 20, 22, 26, 28, 30, 34, 36, 38};

_Static_assert(sizeof config_dscp_names / sizeof *config_dscp_names == sizeof values + 1, "each");

uint8_t config_dscp_of(const char *text)
{
	for (unsigned i = 0; config_dscp_names[i]; i++) {
		if (!strcasecmp(text, config_dscp_names[i]))
			return values[i];
	}
	return (uint8_t)strtoul(text, NULL, 10);
}
