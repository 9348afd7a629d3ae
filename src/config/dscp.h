/* SPDX-License-Identifier: MIT */
/* dscp.h - names of code points (RFC 2474, 2597, 3246, 5865, 8622). */
#ifndef CONFIG_DSCP_H
#define CONFIG_DSCP_H

#include <stdint.h>

extern const char *const config_dscp_names[]; /* NULL ends */

/* The code point of @text, one of the names in any case, or a number. */
uint8_t config_dscp_of(const char *text);

#endif
