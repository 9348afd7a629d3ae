/* SPDX-License-Identifier: MIT */
/* status.h - facts as the status object of vtrunkd/ctl.h, in pieces.
 *
 * 4096 peers of 16 paths are some hundred thousand values: they are printed as they are taken by
 * whoever asked, so that no more than a piece is in memory. Any thread that has the facts.
 */
#ifndef CONTROL_STATUS_H
#define CONTROL_STATUS_H

#include "control/facts.h"
#include "control/json_text.h"

/* How far it is. */
struct status_printer {
	const struct facts *facts;
	const struct fact_member *member; /* of the status object, next to be printed */
	const struct fact_item *item;     /* in a list of it, next to be printed */
	bool is_in_list;                  /* whose bracket is open */
};

/* Nothing is printed yet. @facts must stay until the end. */
void status_begin(struct status_printer *printer, const struct facts *facts);

/* Adds to @out until it holds @piece bytes or more, and the object is not at its end before. False
 * when it is.
 */
bool status_print_more(struct status_printer *printer, struct json_text *out, size_t piece);

#endif
