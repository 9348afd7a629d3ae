/* SPDX-License-Identifier: MIT */
/* index.h - receiver index -> keypair, and the indices promised to handshakes on their way.
 *
 * Every message to us but an initiation names one of our indices. There are two tables, because two
 * threads ask different questions. Transport data looks for a keypair, in a hash table of liburcu
 * whose nodes sit in the keypairs themselves: one pointer less per batch than with entries between.
 * A response or a cookie reply looks for the handshake that reserved the index; only control knows
 * whose those are, others whether there is one. An index is random and never twice in a table, and
 * in both only for the moment in which the reservation becomes a keypair.
 *
 *   index_reserve()                 index_insert()              index_remove()
 *   drawn ----------> reserved -------------------> keypair ----------------> free
 *                        |  index_release()                                    ^
 *                        +-----------------------------------------------------+
 *
 * All functions but index_lookup() and index_use() belong to the control thread, registered with
 * RCU and online.
 */
#ifndef DATAPLANE_INDEX_H
#define DATAPLANE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/keypair.h"

struct index_table;

/* @peers is a hint for the size: more of them work too, with longer chains. NULL without memory. */
struct index_table *index_create(unsigned peers);

/* Puts all keypairs and forgets all reservations. After every reader has ended. NULL is allowed. */
void index_destroy(struct index_table *table);

/* Draws a random index that nobody uses and keeps it for @handshake_owner, which is not NULL and
 * only handed back. Returns 0 or -ENOMEM.
 */
int index_reserve(struct index_table *table, void *handshake_owner, uint32_t *ret_index);

/* The owner of a reservation, or NULL. */
void *index_handshake_owner(struct index_table *table, uint32_t index);

/* Ends a reservation that leads to no session; nothing happens when there is none. */
void index_release(struct index_table *table, uint32_t index);

/* Makes @kp known under its local_index, which ends the reservation of that index, and takes a
 * reference beside the caller's. A keypair is inserted once in its life. Returns 0, or -EEXIST when
 * another keypair has that index.
 */
int index_insert(struct index_table *table, struct keypair *kp);

/* Batches on their way keep the keypair they found; readers from now on find none. Puts the table's
 * reference. False when @kp is not in the table. NULL is allowed.
 */
bool index_remove(struct index_table *table, struct keypair *kp);

/* The keypair of @index, valid until the caller's next quiescent state unless keypair_get()
 * succeeds; or NULL. Any registered RCU thread, online.
 */
struct keypair *index_lookup(struct index_table *table, uint32_t index);

enum index_use {
	INDEX_FREE,
	INDEX_RESERVED, /* a handshake of ours waits for its response */
	INDEX_KEYPAIR,
};

/* What @index stands for now. Any registered RCU thread, online. */
enum index_use index_use(struct index_table *table, uint32_t index);

/* Keypairs in the table. */
size_t index_keypair_count(const struct index_table *table);

#endif
