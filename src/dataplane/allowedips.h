/* SPDX-License-Identifier: MIT */
/* allowedips.h - which peer an inner address belongs to: longest prefix match, both families.
 *
 * Asked for every packet: by its destination when it leaves (who gets it), by its source when it
 * came in (may this peer send it). Immutable once built; control builds a new table for each change
 * of the peers, publishes it with RCU and retires the old one.
 */
#ifndef DATAPLANE_ALLOWEDIPS_H
#define DATAPLANE_ALLOWEDIPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/prefix.h"

struct allowedips;

struct allowedips_entry {
	struct prefix prefix; /* bits behind its length are ignored */
	void *peer; /* what a lookup answers; NULL: nobody, as if the range were left out */
};

/* Builds a table of @len entries in any order; of two with the same prefix the later one counts.
 * Takes time of a sort: 130,000 prefixes some tens of milliseconds. The caller owns the table until
 * it is published. NULL without memory.
 */
struct allowedips *allowedips_build(const struct allowedips_entry *entries, size_t len);

/* Frees it after a grace period; NULL is allowed. Any registered RCU thread. */
void allowedips_retire(struct allowedips *table);

/* Frees a table that was never published; NULL is allowed. */
void allowedips_destroy(struct allowedips *table);

/* The peer of the longest prefix that holds the address, network byte order, or NULL. Any thread in
 * an RCU read side; the peer is valid as long as the table.
 */
void *allowedips_lookup4(const struct allowedips *table, const uint8_t addr[static 4]);
void *allowedips_lookup6(const struct allowedips *table, const uint8_t addr[static 16]);

/* By the addresses in an IP header, which must be there whole: 20 bytes where the first nibble says
 * 4, 40 where it says 6. NULL for any other version.
 */
void *allowedips_lookup_dst(const struct allowedips *table, const uint8_t *packet);
void *allowedips_lookup_src(const struct allowedips *table, const uint8_t *packet);

#endif
