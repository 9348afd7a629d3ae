/* SPDX-License-Identifier: MIT */
/* socket_drops.h - how much the kernel dropped at a socket before we could receive it, because its
 * buffer was full.
 *
 * The kernel counts by itself (SO_MEMINFO, SK_MEMINFO_DROPS); it is asked when somebody wants to
 * know, so there is no cost per packet. What it joined to a train (UDP_GRO) counts as one. Its
 * counter has 32 bits and ends with the socket; this one goes on.
 */
#ifndef DATAPLANE_SOCKET_DROPS_H
#define DATAPLANE_SOCKET_DROPS_H

#include <stdint.h>

/* All zero before the first socket. */
struct socket_drops {
	uint64_t total;
	uint32_t seen; /* what the kernel's counter of the present socket said last */
};

/* Asks the kernel and returns the total. At @fd that is no socket, or a kernel before 4.12, it
 * stays.
 */
uint64_t socket_drops_read(struct socket_drops *drops, int fd);

/* Another socket took the place of the one that was read, whose own count begins at zero. */
void socket_drops_restart(struct socket_drops *drops);

#endif
