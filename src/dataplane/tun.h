/* SPDX-License-Identifier: MIT */
/* tun.h - the TUN device: where inner packets come from and go to.
 *
 * Only the device itself. Addresses, MTU and routes are set over netlink by control, since they
 * belong to the interface and not to the file descriptor.
 */
#ifndef DATAPLANE_TUN_H
#define DATAPLANE_TUN_H

#define TUN_NAME_LEN 16 /* IFNAMSIZ: with the terminating zero */

/* Creates an interface with one queue, or attaches to a persistent one of that name that nobody has
 * open. @name may hold one %d, which the kernel replaces by a free number; "" lets it pick tunN. The
 * descriptor is non-blocking and not inherited by programs; read and write move one IP packet each,
 * without a header in front. @queue_len_pkts is how many packets the interface holds for a reader that
 * is late. The interface goes when the descriptor is closed. Needs CAP_NET_ADMIN.
 *
 * Returns the descriptor, with the interface's name in @ret_name, or a negative errno: -EPERM, -EBUSY
 * (open elsewhere), -EINVAL (bad name, or another kind of interface has it), -ENAMETOOLONG, -ENOENT
 * (no /dev/net/tun).
 */
int tun_open(const char *name, unsigned queue_len_pkts, char ret_name[static TUN_NAME_LEN]);

#endif
