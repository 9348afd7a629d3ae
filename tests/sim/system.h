/* SPDX-License-Identifier: MIT */
/* system.h - what stands in for the operating system under the engine: its clock, its sockets,
 * randomness.
 *
 * A peer reaches the world by its effects (control/effects.h). The engine below asks the system
 * itself, by some functions, which the linker leads here (sim_wraps in meson.build); libsodium lets
 * itself be given a source of random numbers. So everything above - control, the engine, the
 * cryptography - is what the daemon runs, without its threads: work is done in place by whoever has
 * it. One host runs at a time, the one that was entered last.
 */
#ifndef SIM_SYSTEM_H
#define SIM_SYSTEM_H

#include <stdint.h>

#include "base/endpoint.h"
#include "random.h"

struct link;

/* What a host is asked for while it runs. */
struct sim_host {
	/* Opens the sockets of @link; 0 or a negative errno. */
	int (*open)(struct sim_host *host, struct link *link);

	/* Sends a datagram on @link; 0 or a negative errno. */
	int (*send)(struct sim_host *host, const struct link *link, const struct endpoint *to,
	            const void *data, size_t len);

	/* Somebody waits for other threads to be done with their work. */
	void (*work)(struct sim_host *host);
};

/* Once, before anything else: random numbers follow from the seed from here on. 0 or a negative
 * errno. */
int sim_system_init(void);

/* A new world begins: time is @now_ns, random numbers follow from @seed. */
void sim_system_begin(uint64_t seed, uint64_t now_ns);

/* The boot time of all hosts. */
uint64_t sim_now_ns(void);

/* The true time, in nanoseconds since 1970. */
uint64_t sim_wall_ns(void);

/* Never back. */
void sim_set_now(uint64_t now_ns);

/* From here on @host runs; returns the one that did, to be entered again. */
struct sim_host *sim_enter(struct sim_host *host);

#endif
