/* SPDX-License-Identifier: MIT */
/* links_rig.h - the links of a test's configuration, as a start adds them. */
#ifndef TESTS_CONTROL_LINKS_RIG_H
#define TESTS_CONTROL_LINKS_RIG_H

#include "control/control.h"
#include "control/gate.h"
#include "control/links.h"

static inline void make_links(struct control *control, const struct desired *wanted)
{
	links_init(control);
	for (size_t i = 0; i < wanted->link_count; i++)
		links_add(control, wanted, &wanted->links[i]);
}

#endif
