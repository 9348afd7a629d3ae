/* SPDX-License-Identifier: MIT */
#include "network.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/compiler.h>

/* A datagram on its way: to the middle, where @port is still unknown, or from there to @port. */
struct datagram {
	struct deadline arrival;
	struct net *net;
	struct net_port *sender; /* NULL: forged */
	struct net_port *receiver;
	struct endpoint from, to;
	size_t len;
	uint8_t data[];
};

void net_init(struct net *net, uint64_t seed, net_receive receive)
{
	*net = (struct net){.receive = receive};
	deadline_heap_init(&net->events);
	sim_random_init(&net->random, seed, 'n');
}

static void let_go(struct datagram *d)
{
	d->net->in_flight--;
	free(d);
}

void net_fini(struct net *net)
{
	while (net->events.count) {
		struct deadline *first = net->events.slots[0];

		deadline_cancel(&net->events, first);
		let_go(caa_container_of(first, struct datagram, arrival));
	}
	deadline_heap_fini(&net->events);
}

static void note_address(struct net *net, struct net_port *port, const struct endpoint *address)
{
	assert(!net_who_had(net, address) && net->had_len < NET_ADDRESSES_MAX);
	net->had[net->had_len].address = *address;
	net->had[net->had_len++].port = port;
	port->address = *address;
}

struct net_port *net_open(struct net *net, const struct endpoint *address, void *owner)
{
	unsigned id = 0;

	while (id < NET_PORTS_MAX && net->port[id].is_used)
		id++;
	assert(id < NET_PORTS_MAX);
	net->port[id] = (struct net_port){.is_used = true, .id = id, .owner = owner};
	note_address(net, &net->port[id], address);
	return &net->port[id];
}

void net_move(struct net *net, struct net_port *port, const struct endpoint *address)
{
	note_address(net, port, address);
}

struct net_port *net_who_had(const struct net *net, const struct endpoint *address)
{
	for (unsigned i = 0; i < net->had_len; i++) {
		if (endpoint_equal(&net->had[i].address, address))
			return net->had[i].port;
	}
	return NULL;
}

/* ---- a pipe ---- */

/* Waits for the rate; false: the queue is full. *@at_ns becomes when the last byte has left. */
static bool pass_queue(struct net_pipe *pipe, size_t len, uint64_t *at_ns)
{
	uint64_t begin_ns = *at_ns > pipe->busy_until_ns ? *at_ns : pipe->busy_until_ns;

	if (!pipe->rate_bps)
		return true;
	if (begin_ns > *at_ns + pipe->queue_ns)
		return false;
	*at_ns = begin_ns + len * 8 * NS_PER_S / pipe->rate_bps;
	pipe->busy_until_ns = *at_ns;
	return true;
}

/* When a datagram that enters at @now_ns is at the other end; NEVER_NS: it is lost. */
static uint64_t pass_pipe(struct net *net, struct net_pipe *pipe, size_t len, uint64_t now_ns)
{
	uint64_t at_ns = now_ns;

	if (pipe->is_dead || sim_chance(&net->random, pipe->loss_ppm) ||
	    !pass_queue(pipe, len, &at_ns))
		return NEVER_NS;
	at_ns += pipe->delay_ns;
	if (pipe->jitter_ns)
		at_ns += sim_below(&net->random, pipe->jitter_ns);
	if (sim_chance(&net->random, pipe->late_ppm))
		return at_ns + pipe->late_ns;
	if (at_ns <= pipe->last_ns)
		at_ns = pipe->last_ns + 1; /* of equal deadlines either may come first */
	pipe->last_ns = at_ns;
	return at_ns;
}

static void arrived(struct deadline *arrival, uint64_t now_ns);

static struct datagram *copy_of(const struct datagram *from)
{
	struct datagram *d = malloc(sizeof *d + from->len);

	assert(d);
	memcpy(d, from, sizeof *d + from->len);
	d->arrival = (struct deadline){.expired = arrived};
	d->net->in_flight++;
	return d;
}

/* On to the other end of @pipe, once, twice or not at all. Takes over @d. */
static void enter(struct datagram *d, struct net_pipe *pipe, uint64_t now_ns)
{
	struct net *net = d->net;
	bool is_doubled = sim_chance(&net->random, pipe->copy_ppm);

	for (unsigned i = 0; i < 1u + is_doubled; i++) {
		uint64_t at_ns = pass_pipe(net, pipe, d->len, now_ns);
		struct datagram *copy;

		net->sent += i;
		if (at_ns == NEVER_NS) {
			net->lost++;
			continue;
		}
		copy = copy_of(d);
		if (deadline_set(&net->events, &copy->arrival, at_ns))
			abort();
	}
	let_go(d);
}

/* ---- the way ---- */

static struct net_port *port_at(struct net *net, const struct endpoint *address)
{
	struct net_port *port = net_who_had(net, address);

	return port && endpoint_equal(&port->address, address) ? port : NULL;
}

/* In the middle: the sender's NAT has put its address on it. Takes over @d. */
static void cross(struct datagram *d, uint64_t now_ns)
{
	struct net *net = d->net;

	if (d->sender)
		d->from = d->sender->address;
	d->receiver = port_at(net, &d->to);
	if ((net->pass && !net->pass(net, &d->from, &d->to, d->data, d->len, now_ns)) ||
	    !d->receiver) {
		net->lost++;
		let_go(d);
		return;
	}
	enter(d, &d->receiver->down, now_ns);
}

static void arrived(struct deadline *arrival, uint64_t now_ns)
{
	struct datagram *d = caa_container_of(arrival, struct datagram, arrival);

	if (!d->receiver) {
		cross(d, now_ns);
		return;
	}
	d->net->delivered++;
	d->net->receive(d->receiver, &d->from, d->data, d->len, now_ns);
	let_go(d);
}

static struct datagram *make(struct net *net, const struct endpoint *to, const void *data,
                             size_t len)
{
	struct datagram *d = calloc(1, sizeof *d + len);

	assert(d && len <= NET_LEN_MAX);
	d->net = net;
	d->to = *to;
	d->len = len;
	memcpy(d->data, data, len);
	net->in_flight++;
	net->sent++;
	return d;
}

int net_send(struct net *net, struct net_port *port, const struct endpoint *to, const void *data,
             size_t len, uint64_t now_ns)
{
	struct datagram *d;

	if (port->refusal)
		return -port->refusal;
	d = make(net, to, data, len);
	d->sender = port;
	enter(d, &port->up, now_ns);
	return 0;
}

void net_forge(struct net *net, const struct endpoint *from, const struct endpoint *to,
               const void *data, size_t len, uint64_t now_ns)
{
	struct datagram *d = make(net, to, data, len);

	d->from = *from;
	d->receiver = NULL;
	cross(d, now_ns);
}

uint64_t net_next_ns(const struct net *net)
{
	return deadline_next_ns(&net->events);
}

void net_run(struct net *net, uint64_t now_ns)
{
	uint64_t next_ns;

	/* Each at its own time: what leads to something else does so from then on. */
	while ((next_ns = deadline_next_ns(&net->events)) <= now_ns)
		deadline_run(&net->events, next_ns);
}
