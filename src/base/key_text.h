/* SPDX-License-Identifier: MIT */
/* key_text.h - keys as people write them: base64 of 32 bytes, 44 characters, as `wg` does. */
#ifndef BASE_KEY_TEXT_H
#define BASE_KEY_TEXT_H

#include <stdint.h>

#include "vtrunkd/wire.h"

#define KEY_TEXT_LEN 45u /* 44 characters and the terminating zero */

/* Reads @text; blanks and line ends around it are ignored. Only the one canonical spelling of a key
 * is taken: padded, and the unused bits of the last character zero. Returns 0, -EINVAL when it is
 * not base64, -EMSGSIZE when it is base64 of more or fewer than 32 bytes (as nothing at all is);
 * @ret is untouched unless 0 is returned. Keeps no copy. Any thread; not constant time.
 */
int key_from_base64(uint8_t ret[static KEY_LEN], const char *text);

/* Writes 44 characters and a zero. */
void key_to_base64(char ret[static KEY_TEXT_LEN], const uint8_t key[static KEY_LEN]);

#endif
