/* SPDX-License-Identifier: MIT */
/* tun_rig.h - TUN devices as the daemon makes them, in a network namespace of the test's own, and
 * who is reached through them: TUN_HERE is the device's address once it is configured, and what is
 * sent to TUN_THERE can be read from it.
 */
#ifndef TEST_TUN_RIG_H
#define TEST_TUN_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../namespace_rig.h"
#include "dataplane/tun.h"

#define TUN_HERE  "10.77.0.1"
#define TUN_THERE "10.77.0.2"

/* For the .init of a suite. */
void tun_setup(void);

/* Which must succeed: as @set says; one queue without offloads; "vtest0" with offloads. */
struct tun open_tun(struct tun_settings set);
struct tun open_plain(const char *name);
struct tun open_with_offloads(unsigned queues);

struct sockaddr_in address_of(const char *host, uint16_t port);

/* The next IPv4 packet that the device gives, for which it waits; -1: none came. */
ssize_t read_ipv4(int fd, uint8_t *packet, size_t room);

#endif
