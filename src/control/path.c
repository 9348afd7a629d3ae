/* SPDX-License-Identifier: MIT */
#include "control/path.h"

#include <string.h>

#include "crypto/aead.h"

/* Refusals of the system in a row after which a path rests. */
#define REFUSALS_MAX 3u

/* To an address not proved goes at most so many times what came from there (RFC 9000, section 8).
 */
#define UNPROVED_FACTOR 3u

/* An MTU that ICMP has lowered is forgotten by the system after ten minutes. */
#define TRAINS_RETRY_NS (11 * 60 * NS_PER_S)

void path_take(struct path *path, const struct route *route, const struct path_counts *before,
               uint32_t phase, uint64_t now_ns)
{
	*path = (struct path){.proof = PATH_ADDED,
	                      .route = *route,
	                      .endpoint = PATH_LEARNT,
	                      .answers_taken = before->answers,
	                      .probes_taken = before->probes,
	                      .before = *before,
	                      .sampled_tx_bytes = before->tx_bytes,
	                      .sampled_rx_bytes = before->rx_bytes};
	health_init(&path->health, now_ns);
	health_spread(&path->health, phase);
}

void path_free(struct path *path)
{
	path->proof = PATH_FREE;
	path->is_in_table = false;
}

/* ---- candidates ---- */

void path_note_origin(struct path *path, const struct route *route, size_t bytes, bool is_copy)
{
	if (path_has_target(path))
		return;
	if (!path_is_first_origin(path))
		path->proof = (is_copy ? PATH_COPY : PATH_ORIGIN) + path_is_asked(path);
	path->heard_bytes += (uint32_t)bytes;
	path->route.local = route->local;
}

bool path_may_tell(struct path *path, size_t bytes)
{
	if (path_has_target(path))
		return true;
	if (path->told_bytes + bytes > (uint64_t)UNPROVED_FACTOR * path->heard_bytes)
		return false;
	path->told_bytes += (uint32_t)bytes;
	return true;
}

void path_take_back(struct path *path, size_t bytes)
{
	if (!path_has_target(path))
		path->told_bytes -= (uint32_t)bytes;
}

/* ---- proof ---- */

const uint8_t *path_ask(struct path *path, const struct route *route,
                        const uint8_t fresh[static CHALLENGE_LEN])
{
	if (!path_is_asked(path) || !route_is_same_way(&path->asked_route, route))
		memcpy(path->challenge, fresh, sizeof path->challenge);
	path->proof |= 1;
	path->asked_route = *route;
	return path->challenge;
}

bool path_is_answer(const struct path *path, const struct route *route,
                    const uint8_t token[static CHALLENGE_LEN])
{
	return path_is_asked(path) && route_is_same_way(route, &path->asked_route) &&
	       secret_equal(token, path->challenge, sizeof path->challenge);
}

void path_stop_asking(struct path *path)
{
	path->proof &= ~1u;
}

void path_lead(struct path *path, const struct route *route)
{
	path->route = *route;
	path->proof = PATH_PROVED + path_is_asked(path);
}

bool path_is_newer_frame(const struct path *path, uint64_t born_ns, uint64_t counter)
{
	return born_ns > path->moved_born_ns ||
	       (born_ns == path->moved_born_ns && counter > path->moved_counter);
}

void path_note_frame(struct path *path, uint64_t born_ns, uint64_t counter)
{
	path->moved_born_ns = born_ns;
	path->moved_counter = counter;
}

/* ---- what the system says ---- */

bool path_count_refusal(struct path *path, uint64_t tx_packets)
{
	if (tx_packets != path->refused_at_tx)
		path->refusals = 0;
	path->refused_at_tx = tx_packets;
	return ++path->refusals >= REFUSALS_MAX;
}

enum path_trains path_look_at_trains(struct path *path, int error, bool is_limited, uint64_t now_ns)
{
	int told = path->trains_told;

	if (!error)
		return is_limited && now_ns >= path->trains_since_ns + TRAINS_RETRY_NS
		               ? PATH_TRAINS_RETRY
		               : PATH_TRAINS_AS_BEFORE;
	path->trains_since_ns = now_ns;
	path->trains_told = error;
	return error != told ? PATH_TRAINS_TELL : PATH_TRAINS_AS_BEFORE;
}

void path_sample(struct path *path, uint64_t tx_bytes, uint64_t rx_bytes, uint64_t elapsed_ns)
{
	path->tx_bps = (tx_bytes - path->sampled_tx_bytes) * 8 * NS_PER_S / elapsed_ns;
	path->rx_bps = (rx_bytes - path->sampled_rx_bytes) * 8 * NS_PER_S / elapsed_ns;
	path->sampled_tx_bytes = tx_bytes;
	path->sampled_rx_bytes = rx_bytes;
}
