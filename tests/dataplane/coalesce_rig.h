/* SPDX-License-Identifier: MIT */
/* coalesce_rig.h - a coalescer, what was added to it, and what it wrote.
 *
 * The oracle is super_packet.h: whatever was written, cut again, must be what was added.
 */
#ifndef TESTS_COALESCE_RIG_H
#define TESTS_COALESCE_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "dataplane/coalesce.h"
#include "dataplane/super_packet.h"
#include "ip_rig.h"

enum {
	PACKETS_MAX = 512,
	MSS = 100,
	SPEC_KINDS = 4,
};

/* Freed by who has it. */
struct bytes {
	uint8_t *at;
	size_t len;
};

/* One write. */
struct written {
	struct virtio_net_hdr header;
	struct bytes packet;
	unsigned pieces;
};

extern struct coalescer c;
extern struct written written[PACKETS_MAX]; /* by it */
extern unsigned written_count;
extern uint8_t payload[IP_RIG_PACKET_MAX]; /* random bytes for packets */
extern uint8_t scratch[IP_RIG_PACKET_MAX];
extern const struct coalesce_offload all; /* a device that takes everything */

/* Of exactly this size, so that a byte too much is seen. */
struct bytes space_of(size_t len);
struct bytes copy_of(const void *at, size_t len);

/* With nothing added or written; for a device as @offload says, or that takes everything. */
void begin_offload(const struct coalesce_offload *offload);
void begin(void);

/* The same, with a payload made of @seed. */
void prepare(uint64_t seed);

/* Its header says nothing. */
bool is_plain(const struct written *w);

/* The memory of what is added has to last until the flush, and here until the end of the test. */
extern struct bytes added[PACKETS_MAX]; /* as the coalescer has them */
extern struct bytes kept[PACKETS_MAX];  /* as they were */
extern unsigned added_count;
void add(const uint8_t *packet, size_t len);
void forget_added(void);

/* A packet with the first @payload_len bytes of payload[]. */
void add_spec(const struct ip_spec *spec, size_t payload_len);

/* Joined packets come back with another IPv4 identification, and so another header checksum. */
bool is_equal_but_for_id(const uint8_t *a, const uint8_t *b, size_t len);

/* Whether what was written is number @first .. of what was added, one after the other. Returns of
 * how many.
 */
unsigned check_written(const struct written *w, unsigned first);

/* Flushes, and checks that everything came in order in writes of so many packets. */
void check_pieces(const unsigned *pieces, unsigned count, const char *what);

#define expect_pieces(what, ...)                      \
	check_pieces((const unsigned[]){__VA_ARGS__}, \
	             sizeof((unsigned[]){__VA_ARGS__}) / sizeof(unsigned), what)

/* Four kinds: bit 0 is IPv6, bit 1 is UDP. */
struct ip_spec spec_of(unsigned kind);

/* The next of the flow after one with @len bytes. */
struct ip_spec after(struct ip_spec spec, size_t len);

/* A flow's packets of such payload lengths. */
void add_lengths(unsigned kind, const size_t *len, unsigned count);

#endif
