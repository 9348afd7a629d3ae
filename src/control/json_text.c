/* SPDX-License-Identifier: MIT */
#include "control/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 4096u

void json_text_fini(struct json_text *text)
{
	free(text->at);
	*text = (struct json_text){0};
}

void json_text_clear(struct json_text *text)
{
	text->len = 0;
	text->is_failed = false;
}

void json_text_move(struct json_text *to, struct json_text *from)
{
	json_text_fini(to);
	*to = *from;
	*from = (struct json_text){0};
}

static bool make_room(struct json_text *text, size_t len)
{
	size_t room = text->room ? text->room : ROOM_MIN;

	while (room - text->len < len)
		room *= 2;
	if (room == text->room)
		return true;
	char *at = realloc(text->at, room);
	if (!at)
		return false;
	text->at = at;
	text->room = room;
	return true;
}

static void put(struct json_text *text, const char *bytes, size_t len)
{
	if (text->is_failed || !make_room(text, len)) {
		text->is_failed = true;
		return;
	}
	memcpy(text->at + text->len, bytes, len);
	text->len += len;
}

void json_text_raw(struct json_text *text, const char *raw)
{
	put(text, raw, strlen(raw));
}

void json_text_end(struct json_text *text)
{
	put(text, "", 1);
}

/* ---- strings ---- */

/* The bytes of the character that begins at @at, 0 when it is none (RFC 3629: no longer than
 * needed, no surrogates, nothing above U+10FFFF). A zero ends it like any byte out of place.
 */
static unsigned character_len(const unsigned char *at)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned len = *at < 0x80       ? 1
	               : *at >> 5 == 6  ? 2
	               : *at >> 4 == 14 ? 3
	               : *at >> 3 == 30 ? 4
	                                : 0;
	uint32_t code = len > 1 ? *at & (0xffu >> (len + 1)) : *at;

	for (unsigned i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (len > 1 && (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)))
		return 0;
	return len;
}

/* "" for what stands for itself. */
static const char *escape(unsigned char byte, char buf[static 8])
{
	static const char letters[] =
		"\"\"\\\\\bb\ff\nn\rr\tt"; /* the byte, what follows the stroke */

	for (const char *pair = letters; *pair; pair += 2) {
		if (*pair == (char)byte) {
			snprintf(buf, 8, "\\%c", pair[1]);
			return buf;
		}
	}
	buf[0] = 0;
	if (byte < 0x20)
		snprintf(buf, 8, "\\u%04X", byte);
	return buf;
}

void json_text_string(struct json_text *text, const char *value)
{
	const unsigned char *at = (const unsigned char *)value;
	char buf[8];

	if (!value || !*value) {
		json_text_raw(text, "null");
		return;
	}
	json_text_raw(text, "\"");
	for (unsigned len; *at; at += len ? len : 1) {
		len = character_len(at);
		if (!len)
			json_text_raw(text, "\xef\xbf\xbd");
		else if (*escape(*at, buf))
			json_text_raw(text, buf);
		else
			put(text, (const char *)at, len);
	}
	json_text_raw(text, "\"");
}

/* ---- numbers ---- */

void json_text_integer(struct json_text *text, int64_t value)
{
	char buf[24];

	snprintf(buf, sizeof buf, "%" PRId64, value);
	json_text_raw(text, buf);
}

/* "1e+07" becomes "1e7", "1e-07" becomes "1e-7". */
static void shorten_exponent(char *exponent)
{
	char *digits = exponent + (*exponent == '-' || *exponent == '+');
	char *first = digits + strspn(digits, "0");

	if (*exponent == '-')
		exponent++;
	memmove(exponent, first, strlen(first) + 1);
}

void json_text_real(struct json_text *text, double value)
{
	char buf[32];

	if (!isfinite(value)) {
		json_text_raw(text, "null");
		return;
	}
	snprintf(buf, sizeof buf, "%.12g", value);
	char *exponent = strchr(buf, 'e');
	if (exponent)
		shorten_exponent(exponent + 1);
	else if (!strchr(buf, '.'))
		strcat(buf, ".0"); /* so that it stays a real for whoever reads it */
	json_text_raw(text, buf);
}

void json_text_name(struct json_text *text, const char *name, bool is_first)
{
	if (!is_first)
		json_text_raw(text, ",");
	json_text_string(text, name);
	json_text_raw(text, ":");
}
