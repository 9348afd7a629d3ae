/* SPDX-License-Identifier: MIT */
/* offload_rig.h - one engine whose device takes and gives super-packets; its peer is played by the
 * test.
 */
#ifndef TEST_OFFLOAD_RIG_H
#define TEST_OFFLOAD_RIG_H

#include "../dataplane/engine_rig.h"
#include "../dataplane/ip_rig.h"

enum {
	PATHS = 4,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
	GSO_SIZE = 1360, /* with all headers a packet has the MTU or less */
	PAYLOAD_MAX = 65000,
	SUPERS_MAX = 16,
};

extern struct offload_rig {
	struct rig_end end;
	struct dp_peer *peer; /* every inner address is its own, here and there */
	struct keypair *kp;   /* NULL: no session */
	int far[PATHS];       /* path i leads from link i to far[i]; path 0 alone is in use */
	struct endpoint far_at[PATHS];
} offload;

/* For the .init of a suite: all is ready but that nothing runs and that there is no session. The
 * device takes super-packets of all kinds; of none.
 */
void offload_setup(void);
void offload_setup_without_joining(void);
void offload_teardown(void); /* for the .fini */

void offload_begin_session(void);

/* Packets dropped for @reason, and that so many were and for no other. */
uint64_t offload_drops(enum drop_reason reason);
void offload_expect_only(enum drop_reason reason, uint64_t count);

/* Number @n of a flow, below SUPERS_MAX: its payload begins n bytes later, so no two are alike. */
struct super {
	struct ip_spec spec;
	const uint8_t *payload;
	size_t payload_len;
	uint16_t gso_size;
	unsigned count; /* packets that it is cut into */
};

struct super super_of(bool is_v6, uint8_t protocol, unsigned n, size_t payload_len,
                      uint16_t gso_size);

/* Expects @got, padding included, to be packet @index of @s. */
void expect_segment(const struct super *s, unsigned index, const uint8_t *got, size_t len);

#endif
