/* SPDX-License-Identifier: MIT */
#include "plain_rig.h"

enum {
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x41,
};

struct plain_rig plain;

void plain_open(unsigned workers, unsigned busy_poll_us)
{
	struct engine_settings set = rig_settings(workers);

	rig_setup();
	set.busy_poll_us = busy_poll_us;
	rig_create_as(&plain.end, set, LINKS, "127.0.0.1:0");
	plain.far = rig_far_socket("127.0.0.1:0", &plain.far_at);
	plain.peer = engine_create_peer(plain.end.engine, NULL);
	atomic_store(&plain.peer->followed_path, PATH_ANY);
	rig_publish_target(&plain.end, plain.peer, 0, 0, &plain.far_at);
	rig_publish_paths(plain.peer, BONDING_AGGREGATE, 1, NULL);
	rig_publish_allowedips(&plain.end, &plain.peer, THERE, 1);
	plain.kp = rig_keypair(&plain.end, plain.peer, false, INDEX_HERE, INDEX_THERE,
	                       clock_boot_ns());
	rig_use_keypair(plain.peer, plain.kp);
}

void plain_close(void)
{
	rig_finish(&plain.end, plain.peer, plain.kp, &plain.far, 1);
}

struct link *plain_link(unsigned i)
{
	return engine_link(plain.end.engine, i);
}

void plain_send(const struct link *link)
{
	uint8_t packet[PACKET], datagram[PACKET + TRANSPORT_OVERHEAD];

	rig_packet(packet, 4, THERE, HERE, plain.sent, PACKET);
	rig_seal(datagram, INDEX_HERE, plain.sent, packet, PACKET);
	rig_send(plain.far, &link->bound, datagram, sizeof datagram);
	plain.sent++;
}

void plain_take(void)
{
	uint8_t got[RIG_DATAGRAM], want[PACKET];

	cr_assert(eq(sz, rig_read(&plain.end, got), PACKET));
	rig_packet(want, 4, THERE, HERE, plain.taken, PACKET);
	ASSERT_BYTES(got, want, PACKET);
	plain.taken++;
}
