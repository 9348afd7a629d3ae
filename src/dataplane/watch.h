/* SPDX-License-Identifier: MIT */
/* watch.h - one thread for all while there is little to do.
 *
 * To wake a thread costs tens of microseconds, ten times what a packet costs. A lone packet that is answered
 * through the tunnel would wake two threads on either side. So a link with little traffic is left to the
 * watch: the dispatcher of the TUN device's first queue polls its socket beside the device and receives from
 * it, while the RX thread of the link sleeps. It takes over again when there is more than a few messages to
 * receive, or when the dispatcher has its hands full.
 *
 * What belongs to reception (link.h: [R]) belongs to one of the two at any time; the bit of the link in
 * engine.watched says to whom, and only the one who has it gives it away. With busy polling nobody sleeps, and
 * there is no watch.
 */
#ifndef DATAPLANE_WATCH_H
#define DATAPLANE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct link;

/* How many datagrams were received in the present span of time and in the one before. */
struct load {
	uint64_t begin_ns; /* boot time */
	uint64_t datagrams, before;
};

/* Counts what was received at @now_ns. */
void load_add(struct load *load, uint64_t datagrams, uint64_t now_ns);

/* Little came for a whole span: worth nobody's waiting but that of the watch. RX thread, before it sleeps. */
bool load_is_low(struct load *load, uint64_t now_ns);

/* More than can be done beside. The watch, after it received. */
bool load_is_high(const struct load *load);

#define LOAD_SPAN_MS 100

/* Is the link with the watch? To be asked by the two receivers only. */
bool watch_has(const struct link *link);

/* Is there a watch at all, to which links can be given? */
bool watch_exists(const struct engine *engine);

/* RX thread: the link is the watch's from here on. */
void watch_give(struct link *link);

/* RX thread: the socket of a link that the watch has is another one now. */
void watch_look_again(struct link *link);

/* The watch: the links it has, at most LINK_PAIRS_MAX, into @ret. Returns how many. */
unsigned watch_list(struct engine *engine, struct link *ret[]);

/* The watch: the link is its RX thread's from here on. */
void watch_return(struct link *link);

/* The watch: all links are. It has no time for them, or will sleep for something else. */
void watch_return_all(struct engine *engine);

#endif
