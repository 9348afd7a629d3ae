/* SPDX-License-Identifier: MIT */
/* engine.h - the front door of the data plane: what the control thread may do with it.
 *
 *      TUN ──► dispatcher ──┐                           ┌──► sockets of the links
 *                           ├──► inboxes ──► workers ──┤
 *      links ──► RX threads ┘                           └──► TUN, notices to control
 *
 * Dispatchers read the TUN device, find the peer by allowed IPs, pick a path, number packets and
 * make batches; RX threads read datagrams and find the keypair by receiver index. Workers seal and
 * open. Sequencers keep the order behind them. An idle worker's job is done in place by whoever has
 * the batch in hand. docs/threads.md tells it at length.
 *
 * Control publishes what the threads read: the keypair, path table and path targets of each peer,
 * the allowed IPs, the index table. All functions are for the control thread unless said otherwise.
 */
#ifndef DATAPLANE_ENGINE_H
#define DATAPLANE_ENGINE_H

#include "crypto/cipher.h"
#include "crypto/keypair.h"
#include "dataplane/activity.h"
#include "dataplane/allowedips.h"
#include "dataplane/batch.h"
#include "dataplane/drop.h"
#include "dataplane/engine_settings.h"
#include "dataplane/frame.h"
#include "dataplane/index.h"
#include "dataplane/link.h"
#include "dataplane/peer.h"
#include "dataplane/tun.h"
#include "sched/path_table.h"

/* Workers for this machine when the configuration leaves it to us. */
unsigned engine_auto_workers(void);

/* TUN queues, each with a dispatcher, for so many workers. */
unsigned engine_queues_for(unsigned workers);

/* Allocates everything; no thread runs yet. Returns 0 or -ENOMEM. */
int engine_create(const struct engine_settings *set, struct engine **ret);

/* Starts the workers and the dispatchers. Returns 0 or a negative errno; then engine_stop() cleans.
 */
int engine_start(struct engine *engine);

/* Stops dispatchers and RX threads, lets the workers finish what is in their inboxes, stops them.
 * Afterwards nothing sends or delivers any more. Safe on an engine that was never started.
 */
void engine_stop(struct engine *engine);

/* After engine_stop(), when all keypairs and peers were let go. NULL is allowed. */
void engine_destroy(struct engine *engine);

/* The room of link @id, below LINK_PAIRS_MAX; the engine owns it. */
struct link *engine_link(struct engine *engine, unsigned id);

/* Starts the RX thread of a link that is open. Returns 0 or a negative errno. */
int engine_link_start(struct engine *engine, struct link *link, int cpu);

/* Stops it, alone or while the others go on, and closes the link; what had come to it and was not
 * yet received is lost. No path target names the link any more. Waits for the thread and for a
 * grace period: a few milliseconds. Nothing to do for a link that is not open.
 */
void engine_link_stop(struct engine *engine, struct link *link);

struct index_table *engine_index(struct engine *engine);

/* Session or paths may be others now: what waits for @peer is looked at again. */
void engine_kick(struct dp_peer *peer);

/* Drops what waits: no session came of the attempt that it waited for. */
void engine_drop_staged(struct dp_peer *peer);

/* Has a worker seal @payload (@len bytes, at most LATE_LEN_MAX, padded here) under @kp in @lane at
 * the moment it leaves on path @path_id, behind what was numbered there before. With @remote not
 * NULL it goes there instead. A PROBE or ECHO at the beginning gets its time and counts at that
 * moment. Returns false when no memory is free. @len 0 is a keepalive.
 */
#define LATE_LEN_MAX FRAMES_LEN_MAX
bool engine_send_late(struct engine *engine, struct dp_peer *peer, struct keypair *kp,
                      unsigned path_id, unsigned lane, const void *payload, size_t len,
                      const struct route *remote);

/* Sleeps until engine_send_late() has memory again, for @timeout_ms at most; false when it has none
 * then. For the end of control, which otherwise comes back later.
 */
bool engine_await_memory(struct engine *engine, unsigned timeout_ms);

/* Sleeps until all that was given to engine_send_late() has left, for @timeout_ms at most; false
 * when it has not then.
 */
bool engine_await_sent(struct engine *engine, unsigned timeout_ms);

/* Readable when one of those below has something. Reset by engine_events_begin(), after which all
 * must be asked until they have nothing more.
 */
int engine_event_fd(const struct engine *engine);
void engine_events_begin(struct engine *engine);

/* Makes the descriptor readable: there is more than this turn takes. Any thread. */
void engine_wake_control(struct engine *engine);

/* The errno with which the TUN device failed for good (it was deleted), or 0. */
int engine_tun_error(const struct engine *engine);

/* The errno of the last read of the TUN device that failed and may not the next time, or 0 when
 * there was none since the last call. They are counted as DROP_TUN_READ.
 */
int engine_take_tun_read_error(struct engine *engine);

/* The TUN device refused packets joined for it although it said that it takes them; they pass one
 * by one since. True once.
 */
bool engine_take_refused_joined(struct engine *engine);

/* The next peer with events (enum peer_event), or NULL. The reference is passed on. */
struct dp_peer *engine_take_event(struct engine *engine, unsigned *ret_events);

/* The next notice (peer, keypair, route, path_id, time_ns, rx_packets, answer_bytes, and the frames
 * as the payload of segment 0, or no segment when merely the origin is new), or NULL. The caller
 * frees it. PROBE and ECHO that came in on a path make none: they wait in dp_path.probes and
 * answers, and PEER_EVENT_SIGNS tells of them.
 */
struct batch *engine_take_notice(struct engine *engine);

/* ---- any thread ---- */

const struct engine_settings *engine_settings(const struct engine *engine);

#endif
