/* SPDX-License-Identifier: MIT */
#include "peer_case.h"

struct peer_rig rig;
const uint8_t boot_id[8] = {1, 2, 3};

void case_setup(void)
{
	rig_open(&rig);
}

void case_teardown(void)
{
	rig_close(&rig);
}

struct message_initiation sent_initiation(unsigned link)
{
	struct message_initiation msg = {0};

	cr_assert(rig_sent(&rig, link, MESSAGE_INITIATION, &msg, sizeof msg), "link %u", link);
	return msg;
}

struct frame_goodbye goodbye(const uint8_t id[8])
{
	struct frame_goodbye body = {.reason = GOODBYE_STOPPING};

	memcpy(body.boot_id, id, sizeof body.boot_id);
	return body;
}

void greet(struct keypair *kp, const uint8_t id[8])
{
	struct frame_hello body = {.version = 1, .path_limit = 16};

	memcpy(body.boot_id, id, sizeof body.boot_id);
	rig_frame(&rig, kp, 0, 0, FRAME_HELLO_ACK, &body, sizeof body);
}

struct keypair *bonded(void)
{
	struct keypair *kp;

	rig_path(&rig, 0);
	rig_path(&rig, 1);
	kp = rig_session(&rig, false, true, 0);
	greet(kp, boot_id);
	cr_assert(eq(int, rig.peer->verdict.is, VERDICT_BONDED));
	return kp;
}

struct path *origin(unsigned link)
{
	struct route route = rig_route(&rig, link);

	return paths_find(&rig.peer->paths, &route);
}

void bring_up(struct path *path)
{
	uint16_t seq = health_probe_sent(&path->health, &rig.peer->health_settings, rig.now_ns);

	health_answered(&path->health, &rig.peer->health_settings, seq, NS_PER_MS, rig.now_ns);
	cr_assert(eq(int, path->health.state, PATH_UP));
}

struct path *bonded_and_up(void)
{
	bonded();
	for (unsigned i = 0; i < RIG_LINKS; i++)
		bring_up(origin(i));
	return origin(0);
}

void repeat_from_elsewhere(void)
{
	struct route route = rig_route(&rig, 0);

	rig.peer->answered.accepted_ns = rig.now_ns;
	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	for (unsigned i = 0; i < ANSWERED_COPIES_MAX; i++) {
		rig.peer->answered.copies++;
		endpoint_set_port(&route.remote, (uint16_t)(7000 + i));
		peer_add_origin(rig.peer, &route, 148, rig.now_ns + (i + 1) * NS_PER_MS);
	}
}
