/* SPDX-License-Identifier: MIT */
/* file.h - the text of a configuration file, which may hold keys.
 *
 * It is read as a whole into memory that is wiped afterwards, at most CONFIG_BYTES_MAX bytes. One
 * thread.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CONFIG_BYTES_MAX (1u << 20)

struct config_file {
	char *text;
	size_t len;
	bool is_world_readable;
};

/* Reads @path into @file, all zero before and to be finished also after failure. What is wrong goes
 * to @messages as one line. Returns 0, -EFBIG, -ENOMEM or the errno of reading.
 */
int config_file_read(const char *path, FILE *messages, struct config_file *file);

/* Wipes and frees the text. */
void config_file_fini(struct config_file *file);

#endif
