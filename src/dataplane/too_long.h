/* SPDX-License-Identifier: MIT */
/* too_long.h - packets that no path to the peer carries in one piece: who sends them is told what
 * would pass (too_big.h), through the TUN device, TOO_LONG_PER_S times per second and thread.
 *
 * They are sent all the same, and may arrive in fragments: until their sender heeds what it is told
 * nothing is lost that need not be. IPv4 packets without DF may be fragmented by anybody, so about
 * those nobody is told.
 *
 * Who has the role of the peer's outflow.
 */
#ifndef DATAPLANE_TOO_LONG_H
#define DATAPLANE_TOO_LONG_H

#include "dataplane/runs.h"
#include "dataplane/super_packet.h"

#define TOO_LONG_PER_S 100u

struct dp_thread;

/* The next packet of @cut is longer than any path carries. */
void too_long_answer(struct dp_thread *self, const struct runs *runs,
                     const struct super_packet *cut);

/* About @cut, as it was read. While something can be sent. */
static inline void too_long_tell(struct dp_thread *self, const struct runs *runs,
                                 const struct super_packet *cut)
{
	unsigned most = runs->facts.table->fits_one;

	if (most && super_packet_next_len(cut) > most)
		too_long_answer(self, runs, cut);
}

#endif
