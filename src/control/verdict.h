/* SPDX-License-Identifier: MIT */
/* verdict.h - finding out whether a peer is a vtrunkd (docs/protocol.md, "Discovery").
 *
 *   our role     marker                 first frame            verdict
 *   responder    seen in initiation     HELLO, by us           bonded at HELLO_ACK
 *   responder    not seen               -                      plain, at once
 *   both at once, seen in the other's   HELLO, by both         bonded at either
 *   initiator    sent by us             -                      bonded at HELLO; plain after 3 s
 *
 * So a plain peer never gets a frame. A peer that was bonded in the session before is trusted to be
 * bonded still until the verdict is due: data goes on without a pause at each new session. The boot
 * id tells one life of the peer from another.
 *
 * Time as argument. One thread (control).
 */
#ifndef CONTROL_VERDICT_H
#define CONTROL_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

/* Is the peer vtrunkd? The verdict is per session. */
enum bonding_verdict {
	VERDICT_UNKNOWN,
	VERDICT_STOCK,
	VERDICT_BONDED,
};

struct verdict {
	enum bonding_verdict is;
	bool sent_marker;  /* the newest initiation we sent carried it */
	bool saw_marker;   /* and the newest we accepted */
	unsigned hellos;   /* sent in this session without answer */
	uint64_t hello_ns; /* when the next is due; NEVER_NS none */
	uint64_t due_ns;   /* without HELLO until then the peer is plain; NEVER_NS decided */
	uint8_t remote_boot_id[8]; /* of its newest HELLO ... */
	uint32_t remote_features;  /* ... as these are */
	bool knows_boot_id;
};

/* Nothing is known and nothing due. */
void verdict_init(struct verdict *v);

/* A session began. True when the peer may be a vtrunkd, so that one has to wait for the verdict,
 * three intervals of probes, at least 3 s; whoever speaks first has a HELLO due. False: it is
 * plain, which verdict_stock() has to be told.
 */
bool verdict_session_began(struct verdict *v, bool is_initiator, bool has_crossed,
                           uint64_t probe_interval_ns, uint64_t now_ns);

/* Whether HELLO is to be sent now, which sets when the next is: six, half a second apart. */
bool verdict_greet(struct verdict *v, uint64_t now_ns);

/* Ours was answered. */
void verdict_acknowledged(struct verdict *v);

/* HELLO or its answer came; no frame came in time, or none will. True when that is news. */
bool verdict_bonded(struct verdict *v);
bool verdict_stock(struct verdict *v);

/* Whether the peer's newest HELLO said the same. */
bool verdict_is_known(const struct verdict *v, const uint8_t boot_id[static 8], uint32_t features);

/* HELLO says so. True when @boot_id is another one than before: the peer was restarted. */
bool verdict_note_hello(struct verdict *v, const uint8_t boot_id[static 8], uint32_t features);

/* Whether @boot_id is that of another life of the peer than the one we know. */
bool verdict_is_other_life(const struct verdict *v, const uint8_t boot_id[static 8]);

/* Whether no HELLO and no answer came in this session yet: the peer may be in another life. */
bool verdict_is_awaited(const struct verdict *v);

/* When something is due. */
uint64_t verdict_next_ns(const struct verdict *v);

const char *verdict_name(enum bonding_verdict verdict);

#endif
