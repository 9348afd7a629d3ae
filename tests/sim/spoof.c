/* SPDX-License-Identifier: MIT */
/* spoof.c - somebody in the middle, who sees everything and has no key. */
#include <string.h>

#include "life_private.h"
#include "vtrunkd/wire.h"

#define FORGED_ADDRESSES 24u

static struct endpoint forged_address(struct life *life)
{
	return life_address(0xc63364, 1 + (unsigned)sim_below(&life->random, FORGED_ADDRESSES),
	                    7000);
}

static void record(struct life *life, const struct endpoint *from, const struct endpoint *to,
                   const uint8_t *data, size_t len)
{
	struct recorded *r = &life->recorded[life->recorded_count++ % SPOOF_KEPT];

	r->from = *from;
	r->to = *to;
	r->len = len;
	memcpy(r->data, data, len);
}

static void repeat_something(struct life *life)
{
	unsigned kept = life->recorded_count < SPOOF_KEPT ? life->recorded_count : SPOOF_KEPT;
	const struct recorded *r;
	struct endpoint from;

	if (!kept)
		return;
	r = &life->recorded[sim_below(&life->random, kept)];
	from = sim_chance(&life->random, MILLION / 2) ? r->from : forged_address(life);
	net_forge(&life->world.net, &from, &r->to, r->data, r->len, sim_now_ns());
}

static void corrupt(struct life *life, const struct endpoint *from, const struct endpoint *to,
                    const uint8_t *data, size_t len)
{
	uint8_t changed[NET_LEN_MAX];

	memcpy(changed, data, len);
	changed[sim_below(&life->random, len)] ^= (uint8_t)(1u << sim_below(&life->random, 8));
	net_forge(&life->world.net, from, to, changed, len, sim_now_ns());
}

static void flood(struct life *life, const struct endpoint *to, const uint8_t *data, size_t len)
{
	for (unsigned i = 0; i < life->spoof.flood; i++) {
		struct endpoint from = life_address(0xc63364, 1 + i % FORGED_ADDRESSES,
		                                    7000 + i / FORGED_ADDRESSES);

		net_forge(&life->world.net, &from, to, data, len, sim_now_ns());
	}
}

/* What is forged passes here as well; it is not looked at again. */
static bool interfere(struct life *life, const struct endpoint *from, const struct endpoint *to,
                      const uint8_t *data, size_t len)
{
	struct sim_random *r = &life->random;
	struct endpoint forged;

	record(life, from, to, data, len);
	if (sim_chance(r, life->spoof.repeat_ppm))
		repeat_something(life);
	if (sim_chance(r, life->spoof.corrupt_ppm))
		corrupt(life, from, to, data, len);
	if (data[0] == MESSAGE_INITIATION && life->spoof.flood_behind) {
		net_forge(&life->world.net, from, to, data, len, sim_now_ns());
		flood(life, to, data, len);
		return false;
	}
	if (data[0] == MESSAGE_INITIATION)
		flood(life, to, data, len);
	if (sim_chance(r, life->spoof.forge_ppm)) {
		forged = forged_address(life);
		net_forge(&life->world.net, &forged, to, data, len, sim_now_ns());
	}
	if (!sim_chance(r, life->spoof.divert_ppm))
		return true;
	forged = forged_address(life);
	net_forge(&life->world.net, &forged, to, data, len, sim_now_ns());
	return false;
}

static bool is_there(const struct spoof *spoof)
{
	return spoof->repeat_ppm || spoof->forge_ppm || spoof->divert_ppm || spoof->corrupt_ppm ||
	       spoof->flood;
}

bool life_pass(struct net *net, const struct endpoint *from, const struct endpoint *to,
               const uint8_t *data, size_t len, uint64_t now_ns)
{
	struct life *life = caa_container_of(net->context, struct life, world);

	(void)now_ns;
	if (!is_there(&life->spoof) || life->is_forging)
		return true;
	life->is_forging = true;
	bool passes = interfere(life, from, to, data, len);
	life->is_forging = false;
	return passes;
}
