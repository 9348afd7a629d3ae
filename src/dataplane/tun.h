/* SPDX-License-Identifier: MIT */
/* tun.h - the TUN device: where inner packets come from and go to.
 *
 * Only the device itself. Addresses, MTU and routes are set over netlink by control, since they
 * belong to the interface and not to the file descriptor.
 *
 * With offloads a struct virtio_net_hdr stands before each packet, and a packet may be a
 * super-packet of up to 64 KB: what is read is cut by super_packet.h, what is written was joined by
 * coalesce.h. Kernels that lack a kind of offload (UDP came with Linux 6.2) are asked for the
 * others.
 */
#ifndef DATAPLANE_TUN_H
#define DATAPLANE_TUN_H

#include <stdbool.h>

#include "dataplane/coalesce.h"

#define TUN_NAME_LEN   16 /* IFNAMSIZ: with the terminating zero */
#define TUN_QUEUES_MAX 8u /* a dispatcher each; one of them feeds several workers */

struct tun_settings {
	const char *name; /* may hold one %d, which the kernel replaces by a free number; "" lets
	                           * it pick tunN
	                           */
	unsigned queue_len_pkts; /* packets the interface holds for a reader that is late */
	unsigned queues;         /* 1 .. TUN_QUEUES_MAX; each flow stays on one of them */
	bool has_offloads;       /* ask for them */
};

struct tun {
	int fd[TUN_QUEUES_MAX];
	unsigned queues; /* descriptors in use; fewer than asked for where the kernel or a
	                                * persistent device allows but one
	                                */
	bool has_header; /* a struct virtio_net_hdr (10 bytes) before each packet */
	struct coalesce_offload
		takes; /* what may be written, and comes when read, as super-packets */
	char name[TUN_NAME_LEN];
};

/* Creates an interface, or attaches to a persistent one of that name that nobody has open. The
 * descriptors are non-blocking and not inherited by programs. The interface goes when they are
 * closed. Needs CAP_NET_ADMIN.
 *
 * Returns 0 or a negative errno: -EPERM (no CAP_NET_ADMIN), -EACCES (the mode of /dev/net/tun),
 * -EBUSY (open elsewhere), -EINVAL (bad name, or another kind of interface has it), -ENAMETOOLONG,
 * -ENOENT (no /dev/net/tun).
 */
int tun_open(struct tun *tun, const struct tun_settings *set);

void tun_close(struct tun *tun);

#endif
