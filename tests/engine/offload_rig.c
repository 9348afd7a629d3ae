/* SPDX-License-Identifier: MIT */
#include "offload_rig.h"

struct offload_rig offload;
static uint8_t payload[SUPERS_MAX * 1000 + PAYLOAD_MAX];

static void allow_everything(void)
{
	struct allowedips_entry entry[] = {{{AF_INET, 0, {0}}, offload.peer},
	                                   {{AF_INET6, 0, {0}}, offload.peer}};

	engine_publish_allowedips(offload.end.engine, allowedips_build(entry, 2));
}

static void create(bool has_header, struct coalesce_offload takes)
{
	struct engine_settings set = rig_settings(2);

	rig_setup();
	seed_random(clock_boot_ns());
	fill_random(payload, sizeof payload);
	set.tun.has_header = has_header;
	set.tun.takes = takes;
	rig_create_as(&offload.end, set, PATHS, "127.0.0.1:0");
	offload.peer = engine_create_peer(offload.end.engine, NULL);
	atomic_store(&offload.peer->followed_path, PATH_ANY);
	for (unsigned i = 0; i < PATHS; i++) {
		offload.far[i] = rig_far_socket("127.0.0.1:0", &offload.far_at[i]);
		rig_publish_target(&offload.end, offload.peer, i, i, &offload.far_at[i]);
	}
	rig_publish_paths(offload.peer, BONDING_AGGREGATE, 1, NULL);
	allow_everything();
}

void offload_setup(void)
{
	create(true, (struct coalesce_offload){true, true, true, true});
}

void offload_setup_without_joining(void)
{
	create(true, (struct coalesce_offload){0});
}

void offload_teardown(void)
{
	rig_finish(&offload.end, offload.peer, offload.kp, offload.far, PATHS);
}

void offload_begin_session(void)
{
	offload.kp = rig_keypair(&offload.end, offload.peer, true, INDEX_HERE, INDEX_THERE,
	                         clock_boot_ns());
	rig_use_keypair(offload.peer, offload.kp);
}

uint64_t offload_drops(enum drop_reason reason)
{
	return engine_drops(offload.end.engine, reason);
}

void offload_expect_only(enum drop_reason reason, uint64_t count)
{
	rig_expect_drops(&offload.end, reason, count);
}

/* ---- super-packets ---- */

struct super super_of(bool is_v6, uint8_t protocol, unsigned n, size_t payload_len,
                      uint16_t gso_size)
{
	struct super s = {.spec = {.is_v6 = is_v6,
	                           .protocol = protocol,
	                           .host = {1, 2},
	                           .ttl = 64,
	                           .id = (uint16_t)(1000 * n),
	                           .port = {4000, 443},
	                           .seq = UINT32_MAX - 9999 + n * PAYLOAD_MAX,
	                           .flags = ACK | PSH,
	                           .window = 500},
	                  .payload = payload + n * 7,
	                  .payload_len = payload_len,
	                  .gso_size = gso_size};

	s.count = gso_size ? (unsigned)((payload_len + gso_size - 1) / gso_size) : 1;
	return s;
}

void expect_segment(const struct super *s, unsigned index, const uint8_t *got, size_t len)
{
	uint8_t want[RIG_DATAGRAM];
	size_t want_len = build_segment(want, &s->spec, s->payload, s->payload_len, s->gso_size,
	                                index, s->count);

	cr_assert(le(sz, want_len, len));
	cr_assert(lt(sz, len, want_len + PADDING_MULTIPLE));
	ASSERT_BYTES(got, want, want_len);
	cr_expect(eq(ptr, (void *)fault_of(got, want_len), NULL), "%s", fault_of(got, want_len));
}
