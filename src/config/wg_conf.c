/* SPDX-License-Identifier: MIT */
#include "config/wg_conf.h"

#include <string.h>
#include <strings.h>

bool is_wg_conf(const char *text, size_t len, size_t *ret_line)
{
	static const char *const sections[] = {"[Interface]", "[Peer]"};
	const char *end = text + len;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3; /* a byte order mark */
	for (*ret_line = 1; text < end; (*ret_line)++) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));

		while (text < end && (*text == ' ' || *text == '\t' || *text == '\r'))
			text++;
		for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
			if ((size_t)(end - text) >= strlen(sections[i]) &&
			    !strncasecmp(text, sections[i], strlen(sections[i])))
				return true;
		if (text < end && *text != '\n' && *text != '#' && *text != ';')
			return false;
		if (!line_end)
			return false;
		text = line_end + 1;
	}
	return false;
}
