/* SPDX-License-Identifier: MIT */
/* control.h - the control thread: handshakes, timers, path and link state, what people ask.
 *
 * One thread, one epoll loop, one heap of deadlines. It is the only writer of everything the data
 * plane reads. It sleeps until the gate lets a handshake message in, an event from the data plane,
 * a deadline, a change of the system's interfaces, an answer of the resolver, a question on the
 * control socket or a signal comes.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stdbool.h>

#include "config/desired.h"
#include "control/admission.h"
#include "control/changes.h"
#include "control/front.h"
#include "control/gather.h"
#include "control/links.h"
#include "control/loop.h"
#include "control/messages.h"
#include "control/notices.h"
#include "control/peers.h"
#include "control/real_effects.h"
#include "control/resolve.h"
#include "control/stamps.h"
#include "control/surroundings.h"
#include "control/uplink.h"
#include "crypto/noise.h"
#include "dataplane/engine.h"

struct control {
	char interface[16];
	struct engine *engine;
	struct real_effects effects;
	struct effects *fx;              /* the same, which peers use */
	struct noise_identity *identity; /* secret memory */
	struct gate *gate;               /* through which handshake messages come ... */
	struct admission admission;      /* ... are taken in ... */
	struct messages messages;        /* ... and find their peer */
	struct loop loop;
	struct resolver *resolver;
	struct front *front; /* NULL: nobody may ask */
	struct gathering gathering;
	struct uplinks uplinks;
	struct links links;
	struct peers peers;
	struct stamps stamps;
	struct changes changes;

	struct event_source signals, answers, questions;
	struct notices notices;
	uint64_t started_ns;
	uint8_t boot_id[8];
	struct log_limit tun_limit; /* for a TUN device whose reads fail */
	struct surroundings surroundings;
	struct deadline sample; /* rates for status, once a second ... */
	struct walk sampling;   /* ... peer after peer */
	uint64_t sample_ns;     /* when the second of the one under way began */
	bool is_stopping;
	bool has_failed; /* what ended the loop was not a signal */
};

/* Everything up to the point where the interface is ready: opens sockets, creates peers, publishes
 * tables. The TUN device is open and set up; its descriptors stay the caller's. Takes over @config,
 * also on failure. Returns 0 or a negative errno, logged.
 */
int control_create(struct desired *config, unsigned workers, const struct tun *tun, int signal_fd,
                   struct control **ret);

/* Makes the effects that peers have on the world. The engine is there. Also for those who make a
 * control part by part, to try it.
 */
void control_make_effects(struct control *control);

/* Readies its links, of which there is none yet. The engine is there, and the gate if anything is
 * to be opened. For those as well.
 */
void control_make_links(struct control *control);

/* Readies its changes; what they have as running stays. Engine, identity and links are there. For
 * those as well.
 */
void control_make_changes(struct control *control);

/* Begins anew what goes through the peers turn by turn, if anything does: they are others now.
 * @arg: the struct control. What its changes call.
 */
void control_restart_walks(void *arg);

/* Where the facts about it are, as things stand. */
struct gather_from control_gather_from(const struct control *control);

/* Runs until a signal that asks for the end arrives on the descriptor (of signals_open(); the next
 * one ends the process at once), then says goodbye to the peers. The calling thread is the control
 * thread. Returns 0, or -EIO when the TUN device was taken away or the system refuses to wait for
 * events.
 */
int control_run(struct control *control);

/* Stops the data plane, lets go of everything and wipes it. NULL is allowed. */
void control_destroy(struct control *control);

#endif
