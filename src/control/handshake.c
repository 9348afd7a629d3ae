/* SPDX-License-Identifier: MIT */
#include "control/handshake.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

/* After a goodbye: a daemon that is restarted is back within some hundred milliseconds. The pauses
 * grow by half from here to REKEY_TIMEOUT. Peers take no two initiations within 50 ms.
 */
#define SOON_NS (NS_PER_S / 4)

int handshake_init(struct handshake *hs, struct effects *fx, void *owner)
{
	*hs = (struct handshake){
		.fx = fx, .owner = owner, .pause_ns = REKEY_TIMEOUT, .retry_ns = NEVER_NS};
	hs->noise = secret_alloc(sizeof *hs->noise);
	return hs->noise ? 0 : -ENOMEM;
}

static void release_index(struct handshake *hs)
{
	if (hs->is_pending)
		hs->fx->release_index(hs->fx, hs->noise->local_index);
	hs->is_pending = false;
}

void handshake_fini(struct handshake *hs)
{
	release_index(hs);
	secret_free(hs->noise);
	hs->noise = NULL;
}

/* ---- making ---- */

/* TAI64N of now, and in any case newer than the last one to this peer in this run: a clock that was
 * set back must not make peers refuse us. The step is what the low 24 bits, free for the marker,
 * leave.
 */
static void next_timestamp(struct handshake *hs, bool with_marker, uint8_t out[static TAI64N_LEN])
{
	struct timespec now = hs->fx->wall_clock(hs->fx);
	uint32_t low = with_marker ? BONDING_MARKER : 0;

	noise_timestamp(out, (uint64_t)now.tv_sec, (uint32_t)now.tv_nsec, low);
	if (memcmp(out, hs->newest_timestamp, TAI64N_LEN) <= 0) {
		uint64_t s = load_be64(hs->newest_timestamp);
		uint32_t ns = load_be32(hs->newest_timestamp + 8) & ~BONDING_MARKER_MASK;

		ns += BONDING_MARKER_MASK + 1;
		if (ns > NS_PER_S - (BONDING_MARKER_MASK + 1)) {
			ns = 0;
			s++;
		}
		store_be64(out, s);
		store_be32(out + 8, ns | low);
	}
	memcpy(hs->newest_timestamp, out, TAI64N_LEN);
}

int handshake_create(struct handshake *hs, const struct noise_identity *identity,
                     const struct noise_remote *remote, bool with_marker)
{
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN];
	uint32_t index;
	int r;

	release_index(hs);
	r = hs->fx->reserve_index(hs->fx, hs->owner, &index);
	if (r)
		return r;
	next_timestamp(hs, with_marker, timestamp);
	hs->fx->random(hs->fx, ephemeral, sizeof ephemeral);
	r = noise_create_initiation(hs->noise, identity, remote, ephemeral, timestamp, index,
	                            &hs->initiation);
	secret_wipe(ephemeral, sizeof ephemeral);
	if (r)
		hs->fx->release_index(hs->fx, index);
	else
		hs->is_pending = true;
	hs->tried_paths = 0;
	hs->copy_ns = 0;
	return r;
}

/* ---- where ---- */

unsigned handshake_path(const struct handshake *hs, unsigned k)
{
	return (hs->first_path + k) % PATHS_MAX;
}

bool handshake_try(struct handshake *hs, unsigned id)
{
	uint16_t bit = (uint16_t)(1u << id);

	if (!hs->is_pending || hs->tried_paths & bit)
		return false;
	hs->tried_paths |= bit;
	return true;
}

void handshake_space_copies(struct handshake *hs)
{
	hs->copy_ns = hs->fx->boot_clock(hs->fx) + INITIATION_COPY_NS;
}

void handshake_forget_try(struct handshake *hs, unsigned id)
{
	hs->tried_paths &= (uint16_t) ~(1u << id);
}

static void rotate(struct handshake *hs)
{
	for (unsigned k = 0; k < PATHS_MAX; k++) {
		unsigned id = handshake_path(hs, k);

		if (hs->tried_paths & 1u << id) {
			hs->first_path = (id + 1) % PATHS_MAX;
			return;
		}
	}
}

/* ---- when ---- */

bool handshake_is_too_early(struct handshake *hs, uint64_t now_ns)
{
	if (!hs->sent_ns || now_ns >= hs->sent_ns + hs->pause_ns)
		return false;
	hs->retry_ns = hs->sent_ns + hs->pause_ns;
	return true;
}

static uint64_t next_retry_ns(const struct handshake *hs, uint64_t now_ns)
{
	uint64_t most_ns = hs->pause_ns / 4 < TIMER_JITTER_NS ? hs->pause_ns / 4 : TIMER_JITTER_NS;

	return now_ns + hs->pause_ns + effects_random_below(hs->fx, most_ns + 1);
}

void handshake_went_out(struct handshake *hs, uint64_t now_ns)
{
	rotate(hs);
	hs->attempts++;
	hs->pause_ns = hs->pause_ns * 3 / 2 < REKEY_TIMEOUT ? hs->pause_ns * 3 / 2 : REKEY_TIMEOUT;
	hs->retry_ns = next_retry_ns(hs, now_ns);
}

void handshake_put_off(struct handshake *hs, uint64_t retry_ns)
{
	uint16_t refused = hs->tried_paths;

	handshake_abandon(hs);
	hs->tried_paths = refused;
	hs->retry_ns = retry_ns;
}

void handshake_expect_return(struct handshake *hs, uint64_t now_ns)
{
	handshake_abandon(hs);
	hs->sent_ns = 0;
	hs->pause_ns = SOON_NS;
	hs->retry_ns = next_retry_ns(hs, now_ns);
}

bool handshake_doubt(struct handshake *hs, uint64_t now_ns)
{
	if (hs->is_pending || (hs->doubted_ns && now_ns < hs->doubted_ns + REKEY_TIMEOUT))
		return false;
	hs->doubted_ns = now_ns;
	handshake_expect_return(hs, now_ns);
	return true;
}

/* ---- the end ---- */

int handshake_consume(struct handshake *hs, const struct noise_identity *identity,
                      const struct noise_remote *remote, const struct message_response *msg)
{
	int r = noise_consume_response(hs->noise, identity, remote, msg);

	if (!r)
		hs->is_pending = false; /* its index becomes the session's */
	return r;
}

void handshake_abandon(struct handshake *hs)
{
	release_index(hs);
	secret_wipe(hs->noise, sizeof *hs->noise);
	hs->attempts = 0;
	hs->tried_paths = 0;
	hs->pause_ns = REKEY_TIMEOUT;
	hs->retry_ns = NEVER_NS;
}
