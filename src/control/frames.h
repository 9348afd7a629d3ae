/* SPDX-License-Identifier: MIT */
/* frames.h - builds and sends the frames that control says to a peer (docs/protocol.md), and
 * remembers what could not leave for want of memory.
 *
 * Each function says one thing over one path, under the keypair it is given, and is false when
 * there is no memory now: then nothing was sent and what has to be sent stays due. Which paths,
 * when and how often is for the caller to decide; what he owes stands here, as masks of paths.
 *
 * Control thread.
 */
#ifndef CONTROL_FRAMES_H
#define CONTROL_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/effects.h"
#include "dataplane/batch.h"
#include "dataplane/frame.h"

/* Without memory for a frame it is tried again after this: other threads give it back within less.
 */
#define MEMORY_RETRY_NS NS_PER_MS

/* UDP payload of a HELLO or HELLO_ACK, of a PATH_CHALLENGE or its answer, of both in one, of a
 * PROBE.
 */
#define HELLO_BYTES     frames_datagram_len(FRAME_HEADER_LEN + sizeof(struct frame_hello))
#define CHALLENGE_BYTES frames_datagram_len(FRAME_HEADER_LEN + sizeof(struct frame_path_challenge))
#define GREETING_BYTES                                                          \
	frames_datagram_len(2 * FRAME_HEADER_LEN + sizeof(struct frame_hello) + \
	                    sizeof(struct frame_path_challenge))
#define PROBE_BYTES frames_datagram_len(FRAME_HEADER_LEN + sizeof(struct frame_probe))

struct frames {
	struct effects *fx;
	struct dp_peer *dp;
	uint8_t boot_id[8];              /* ours */
	uint16_t owed_hellos, owed_acks; /* paths over which they are to be sent */
	bool owes_keepalive;
};

void frames_init(struct frames *f, struct effects *fx, struct dp_peer *dp,
                 const uint8_t boot_id[static 8]);

/* Something is to be sent as soon as there is memory. */
bool frames_owe(const struct frames *f);

/* There is nobody to say it to any more. */
void frames_forget_owed(struct frames *f);

/* Another path may have the place of @id: nothing is owed there. */
void frames_forget_path(struct frames *f, unsigned id);

/* A packet without content; without memory it is owed. */
void frames_send_keepalive(struct frames *f, struct keypair *kp, unsigned path_id);

/* HELLO or HELLO_ACK, which travel in lane 0: the other lanes are agreed on by them. */
bool frames_send_hello(struct frames *f, struct keypair *kp, enum frame_type type,
                       unsigned path_id);

/* The same to @to, with a PATH_CHALLENGE: its answer proves the address. */
bool frames_send_greeting(struct frames *f, struct keypair *kp, enum frame_type type,
                          unsigned path_id, const uint8_t token[static CHALLENGE_LEN],
                          const struct route *to);

/* HELLO_ACK and PATH_RESPONSE in one datagram: the answer to a greeting. */
bool frames_send_greeting_answer(struct frames *f, struct keypair *kp, unsigned path_id,
                                 const struct frame_path_challenge *response);

/* These leave in the path's control lane; @to NULL: the path's address. */
bool frames_send_probe(struct frames *f, struct keypair *kp, unsigned path_id, uint16_t seq,
                       bool is_standby, const struct route *to);
/* One that is @size bytes long, as a packet of that length is, and must not be fragmented. */
bool frames_send_whole_probe(struct frames *f, struct keypair *kp, unsigned path_id, uint16_t seq,
                             unsigned size);

bool frames_send_challenge(struct frames *f, struct keypair *kp, unsigned path_id,
                           const uint8_t token[static CHALLENGE_LEN], const struct route *to);
bool frames_send_response(struct frames *f, struct keypair *kp, unsigned path_id,
                          const struct frame_path_challenge *response, const struct route *to);

/* LINK_STATE, of which @body is made already (link_state.h); the answer to one. */
bool frames_send_link_state(struct frames *f, struct keypair *kp, unsigned path_id,
                            const uint8_t *body, size_t len);
bool frames_send_link_state_ack(struct frames *f, struct keypair *kp, unsigned path_id,
                                const uint8_t number[static 4]);

/* The last that is said: waits for memory, a tenth of a second at most. */
bool frames_send_goodbye(struct frames *f, struct keypair *kp, unsigned path_id,
                         const struct route *to);

#endif
