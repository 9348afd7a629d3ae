/* SPDX-License-Identifier: MIT */
/* uplink_pair.h - the sockets of one of our links in one family: bound, tied to a device, tied
 * anew.
 *
 * The two sockets themselves are the data plane's (dataplane/link.h). Here is what control knows
 * beside them: how they stand and since when, and how to open them again so that the port stays
 * what people and firewalls know. When that is to be done, and who is told, is decided in uplink.h.
 *
 * All functions: control thread. They ask and change the system, and neither log nor wait.
 */
#ifndef CONTROL_UPLINK_PAIR_H
#define CONTROL_UPLINK_PAIR_H

#include "base/deadline.h"
#include "control/line.h"
#include "dataplane/link.h"
#include "vtrunkd/wire.h"

enum uplink_state {
	UPLINK_WAITING, /* its address or device is not there yet, or nobody wants it */
	UPLINK_UP,
	UPLINK_RESTING, /* the system refused to send; tried again after error_backoff */
};

/* "waiting", "up" or "resting". */
const char *uplink_state_name(enum uplink_state state);

struct uplink;

struct uplink_pair {
	struct uplink *uplink; /* whose it is */
	struct link *link;     /* the data plane's half */
	int family;            /* AF_INET or AF_INET6 */
	struct line line;      /* of the link, but bound to the address in this family */
	bool has_offloads;
	bool is_wanted;           /* kept open while it can be */
	char device[IF_NAMESIZE]; /* that it is tied to, by configuration or address; "": none */
	enum uplink_state state;
	enum link_state_word leaves_for; /* why it waits, as peers are told */
	uint64_t since_ns;
	char reason[128];
	struct deadline deadline; /* when to try again */
};

/* For the sockets @link, which are not open, of a link with @line. A line bound to no address, or
 * in the other family, is bound to any address here, on the same port.
 */
void uplink_pair_init(struct uplink_pair *pair, struct link *link, int family,
                      const struct line *line, bool has_offloads);

/* Its line is another one, for sockets that are not open. */
void uplink_pair_set_line(struct uplink_pair *pair, const struct line *line);

void uplink_pair_set_state(struct uplink_pair *pair, enum uplink_state state, const char *reason,
                           uint64_t now_ns);

/* Whether it can be sent on, and if not, why, as peers are told. */
enum link_state_word uplink_pair_link_state(const struct uplink_pair *pair);

/* Whether they are open and @from, with any address, has their family and port. */
bool uplink_pair_has_port(const struct uplink_pair *pair, const struct endpoint *from);

/* Finds the device that stands for its line now. -ENODEV when that does not work. */
int uplink_pair_find_device(struct uplink_pair *pair);

/* Opens both sockets, on the configured port or else on @wanted_port (0: none) if it is free, else
 * on one of the system's choice. Returns 0 or a negative errno, as link_open().
 */
int uplink_pair_open(struct uplink_pair *pair, uint16_t wanted_port);

/* Whether the address of the open sockets is still ours: 0, or the errno of binding another socket
 * to it.
 */
int uplink_pair_check_address(const struct uplink_pair *pair);

/* Ties the open sockets to its device, as link_follow_device(). Nobody may be reading the handshake
 * socket, which can be another one afterwards.
 */
int uplink_pair_follow(struct uplink_pair *pair);

#endif
