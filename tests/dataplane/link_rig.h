/* SPDX-License-Identifier: MIT */
/* link_rig.h - two links outside an engine, and plain sockets at the far side of them. */
#ifndef TEST_LINK_RIG_H
#define TEST_LINK_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "dataplane/link.h"

/* Documentation ranges (RFC 5737, RFC 3849): no host has them. */
#define NOBODYS_IPV4 "203.0.113.77:0"
#define NOBODYS_IPV6 "[2001:db8:77::1]:0"

#define WAIT_MS 5000 /* for what must come; its loss fails the test */

extern struct link link_a, link_b; /* all zero, as in an engine before they are opened */
extern struct dp_thread self;      /* has no memory of its own */
extern struct batch_pool pool;     /* a few batches of 1 KiB datagrams */

/* For the .init and .fini of a suite. */
void link_rig_setup(void);
void link_rig_teardown(void);

struct endpoint endpoint_of(const char *text);

/* Without offloads, device or mark. */
struct link_settings bound_to(const char *text);
void open_link(struct link *link, const char *text);

/* A plain UDP socket, the far side; its address goes to @ret. */
int far_socket(const char *text, struct endpoint *ret);

bool is_readable(int fd, int timeout_ms);

/* What came with a datagram beside its bytes. */
struct arrival {
	struct endpoint from;
	int tos; /* -1: not told */
};

/* The next datagram at @fd; waits for it. */
size_t receive(int fd, void *buf, size_t size, struct arrival *ret);

#endif
