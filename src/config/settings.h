/* SPDX-License-Identifier: MIT */
/* settings.h - the values of a desired state that belong to no link and no peer.
 *
 * They are read once, when the daemon starts: the device, the threads and the times are made of
 * them, so that another value needs a restart. Constant; any thread.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/desired.h"

struct desired_setting {
	const char *key; /* as in the file */
	bool (*is_same)(const struct desired *a, const struct desired *b);

	/* NULL: a secret, not to be shown. */
	void (*write)(FILE *out, const struct desired *desired);
};

extern const struct desired_setting desired_settings[];
extern const size_t desired_setting_count;

#endif
