/* SPDX-License-Identifier: MIT */
/* status_text.h - the status object of vtrunkd/ctl.h, for people. */
#ifndef CLI_STATUS_TEXT_H
#define CLI_STATUS_TEXT_H

#include <jansson.h>
#include <stdio.h>
#include <time.h>

/* Writes the interface, a table of links, each peer with a table of its paths, and the drops.
 * Members that are missing, null or of another type show as "-" or not at all. @now is Unix time,
 * for the age of handshakes.
 */
void status_print(FILE *out, const json_t *status, time_t now);

#endif
