/* SPDX-License-Identifier: MIT */
#include "base/key_text.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 0 .. 63, or -1. */
static int digit_value(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* How many bytes @len characters of padded base64 stand for, or -EINVAL. */
static int decoded_len(const char *text, size_t len)
{
	size_t padding = 0;

	if (len % 4)
		return -EINVAL;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < len - padding; i++)
		if (digit_value(text[i]) < 0)
			return -EINVAL;
	/* The bits that no byte uses are zero, so that a key has one spelling. */
	if (padding && digit_value(text[len - 1 - padding]) & (padding == 1 ? 3 : 15))
		return -EINVAL;
	return (int)(len / 4 * 3 - padding);
}

/* @len characters, of which decoded_len() is KEY_LEN. The last group of three bytes has one too
 * many.
 */
static void decode(uint8_t ret[static KEY_LEN + 1], const char *text, size_t len)
{
	for (size_t i = 0; i < len / 4; i++) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			char c = text[4 * i + k];

			bits = bits << 6 | (uint32_t)(c == '=' ? 0 : digit_value(c));
		}
		ret[3 * i] = (uint8_t)(bits >> 16);
		ret[3 * i + 1] = (uint8_t)(bits >> 8);
		ret[3 * i + 2] = (uint8_t)bits;
	}
}

int key_from_base64(uint8_t ret[static KEY_LEN], const char *text)
{
	static const char blanks[] = " \t\r\n";
	uint8_t key[KEY_LEN + 1];
	size_t len;

	text += strspn(text, blanks);
	len = strlen(text);
	while (len && strchr(blanks, text[len - 1]))
		len--;
	if (len > INT32_MAX)
		return -EINVAL;

	int bytes = decoded_len(text, len);
	if (bytes < 0)
		return bytes;
	if (bytes != KEY_LEN)
		return -EMSGSIZE;

	decode(key, text, len);
	memcpy(ret, key, KEY_LEN);
	explicit_bzero(key, sizeof key);
	return 0;
}

void key_to_base64(char ret[static KEY_TEXT_LEN], const uint8_t key[static KEY_LEN])
{
	for (size_t i = 0, out = 0; i < KEY_LEN; i += 3) {
		uint32_t bits = (uint32_t)key[i] << 16 | (uint32_t)key[i + 1] << 8;

		if (i + 2 < KEY_LEN)
			bits |= key[i + 2];
		for (int shift = 18; shift >= 0; shift -= 6)
			ret[out++] = alphabet[bits >> shift & 63];
	}
	ret[KEY_TEXT_LEN - 2] = '='; /* 32 bytes leave the last digit unused */
	ret[KEY_TEXT_LEN - 1] = '\0';
}
