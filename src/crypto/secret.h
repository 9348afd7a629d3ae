/* SPDX-License-Identifier: MIT */
/* secret.h - memory for keys: locked, left out of core dumps, wiped when given back.
 *
 * One arena of equal cells, so that thousands of keypairs do not cost a locked page each. It grows
 * by whole pages. Any thread may call; a lock is taken, so never per packet.
 */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include <stddef.h>

#define SECRET_CELL_LEN 256u /* bytes of a cell, aligned to 64 */

/* Zeroed memory for @len <= SECRET_CELL_LEN bytes, or NULL without memory (or for more). When the
 * limit of locked memory is too low the cell is still given; secret_locked() then tells so.
 */
void *secret_alloc(size_t len);

/* Wipes and returns it. NULL is allowed. */
void secret_free(void *cell);

/* Whether all memory given so far could be locked. */
_Bool secret_locked(void);

/* No core dumps, not traceable by others (RLIMIT_CORE 0, PR_SET_DUMPABLE 0). Returns 0 or a
 * negative errno.
 */
int secret_forbid_dumps(void);

#endif
