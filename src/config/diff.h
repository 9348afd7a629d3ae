/* SPDX-License-Identifier: MIT */
/* diff.h - two desired states compared: a list of small operations that lead from one to the other.
 *
 * Links are the same when they have the same name, peers when they have the same public key, so the
 * order in the file means nothing and a peer may change its name. What a link or a peer has inside
 * changes one by one; what is said about a peer that is added or removed is that one operation.
 * The order is one in which they can be done: what goes leaves first, peers before the links they
 * use, and what comes arrives after it, links before peers. From nothing (@from is NULL) that is
 * every link, then every peer, as in the file; to nothing (@to is NULL) the same backwards.
 */
#ifndef CONFIG_DIFF_H
#define CONFIG_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "config/desired.h"

enum change_kind {
	CHANGE_SETTING, /* of the daemon as a whole: needs a restart */
	CHANGE_PEER_REMOVE,
	CHANGE_ENDPOINT_REMOVE,
	CHANGE_ALLOWED_IP_REMOVE,
	CHANGE_LINK_REMOVE,
	CHANGE_LINK_ADD,
	CHANGE_LINK_BIND,
	CHANGE_LINK_DEVICE,
	CHANGE_LINK_FWMARK,
	CHANGE_LINK_WEIGHT,
	CHANGE_LINK_ROLE,
	CHANGE_LINK_RATE_LIMIT,
	CHANGE_PEER_ADD,
	CHANGE_PEER_NAME,
	CHANGE_PEER_PRESHARED_KEY,
	CHANGE_PEER_MODE,
	CHANGE_PEER_KEEPALIVE,
	CHANGE_ALLOWED_IP_ADD,
	CHANGE_ENDPOINT_ADD,
	CHANGE_KINDS, /* how many there are */
};

struct desired_setting;

/* One operation. Everything points into the two states, which the list must not outlive. */
struct change {
	enum change_kind kind;
	const struct desired_setting *setting; /* CHANGE_SETTING (settings.h) */
	const struct desired_link *old_link, *new_link;
	const struct desired_peer *old_peer, *new_peer;
	const struct prefix *allowed_ip;
	const struct desired_endpoint *endpoint;
};

struct change_list {
	const struct desired *from, *to; /* at least one */
	struct change *changes;
	size_t count;
};

/* Compares @from and @to, of which one may be NULL. The list is the caller's to change_list_fini(),
 * also after failure. Returns 0 or -ENOMEM.
 */
int desired_diff(const struct desired *from, const struct desired *to, struct change_list *ret);

void change_list_fini(struct change_list *list);

/* The way from @from to nothing again, for who has no memory to list it: how many operations that
 * is, and the one in place @i.
 */
size_t desired_end_len(const struct desired *from);
struct change desired_end_step(const struct desired *from, size_t i);

#endif
