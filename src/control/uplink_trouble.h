/* SPDX-License-Identifier: MIT */
/* uplink_trouble.h - what is wrong with the sockets of a link: whether waiting mends that they
 * cannot be opened, and what people are told.
 *
 * Knows a pair of sockets and the error. One thread (control).
 */
#ifndef CONTROL_UPLINK_TROUBLE_H
#define CONTROL_UPLINK_TROUBLE_H

#include "control/uplink_pair.h"

enum uplink_trouble {
	UPLINK_TROUBLE_PASSES,    /* an address or a device is away */
	UPLINK_TROUBLE_STAYS,     /* an error of the configuration or of privileges */
	UPLINK_TROUBLE_NO_FAMILY, /* the system lacks it, and there is another: ipv6.disable=1 */
};

/* What the negative errno @error of opening means. @has_other_family: the link may have sockets of
 * another.
 */
enum uplink_trouble uplink_trouble_of(int error, bool has_other_family);

/* Logs that the device of @link refused trains of datagrams, once. It stays what it is: trains are
 * tried again when it was replaced.
 */
void uplink_trouble_tell_trains(struct link *link);

/* Logs it, unless it is why the pair waits already. @again_ns: when it is tried again. */
void uplink_trouble_tell(const struct uplink_pair *pair, int error, enum uplink_trouble trouble,
                         uint64_t again_ns);

#endif
