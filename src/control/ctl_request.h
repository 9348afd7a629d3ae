/* SPDX-License-Identifier: MIT */
/* ctl_request.h - what a line at the control socket asks for (vtrunkd/ctl.h). Any thread. */
#ifndef CONTROL_CTL_REQUEST_H
#define CONTROL_CTL_REQUEST_H

#include <stddef.h>

#include "control/json_text.h"

enum ctl_request {
	CTL_REFUSED, /* why not is the answer */
	CTL_STATUS,
};

/* Reads a line of @len bytes; NULL: it was longer than CTL_REQUEST_MAX. A refusal is
 * written to @refusal, as ctl_refuse() does.
 */
enum ctl_request ctl_request_read(const char *line, size_t len, struct json_text *refusal);

/* The whole reply that says no: {"ok":false,"error":@why}, a line. */
void ctl_refuse(struct json_text *out, const char *why);

#endif
