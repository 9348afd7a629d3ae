/* SPDX-License-Identifier: MIT */
/* status_value.h - members of the status object, each as a person reads it.
 *
 * How one is written follows from its type and unit in the lists of vtrunkd/status.h: durations by
 * their two greatest units, bytes and rates in the largest that leaves them at 1 or above, marks
 * hexadecimal. A member that is missing, null or of another type is unknown, "-".
 */
#ifndef CLI_STATUS_VALUE_H
#define CLI_STATUS_VALUE_H

#include <jansson.h>
#include <stdint.h>

#include "vtrunkd/status.h"

#define STATUS_VALUE_LEN 48u /* bytes of a value with its zero, unless it is text itself */

#define STATUS_ID_OF_STATUS(name, ...) STATUS_##name,
#define STATUS_ID_OF_TUN(name, ...)    TUN_##name,
#define STATUS_ID_OF_LINK(name, ...)   LINK_##name,
#define STATUS_ID_OF_PEER(name, ...)   PEER_##name,
#define STATUS_ID_OF_PATH(name, ...)   PATH_##name,
#define STATUS_ID_OF_ECN(name, ...)    ECN_##name,
#define STATUS_ID_OF_POOL(name, ...)   POOL_##name,

/* All members of all lists: STATUS_version, TUN_queues, LINK_name ... */
/* clang-format off: a list a line */
enum status_member {
	STATUS_MEMBERS(STATUS_ID_OF_STATUS)
	STATUS_TUN_MEMBERS(STATUS_ID_OF_TUN) STATUS_LINK_MEMBERS(STATUS_ID_OF_LINK)
		STATUS_PEER_MEMBERS(STATUS_ID_OF_PEER) STATUS_PATH_MEMBERS(STATUS_ID_OF_PATH)
			STATUS_ECN_MEMBERS(STATUS_ID_OF_ECN)
				STATUS_POOL_MEMBERS(STATUS_ID_OF_POOL)
};
/* clang-format on */

/* The value of @member in @object as it is; NULL without. It stays the object's. */
json_t *status_get(const json_t *object, enum status_member member);

/* A whole number; 0 when it is unknown. */
int64_t status_integer(const json_t *object, enum status_member member);

/* For people. Either text of @object itself or written into @room; a point in time, an object or a
 * list has no such form and shows as unknown.
 */
const char *status_value(const json_t *object, enum status_member member,
                         char room[static STATUS_VALUE_LEN]);

/* The same with a room of its own, which lasts as long as the block it stands in. */
#define STATUS_VALUE(object, member) status_value(object, member, (char[STATUS_VALUE_LEN]){0})

/* The two greatest units that are not zero: "3d 4h", "5m 12s", "7s". Returns @room. */
const char *status_duration(double seconds, char room[static STATUS_VALUE_LEN]);

#endif
