/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <stdlib.h>

#include "events.h"
#include "host_control.h"
#include "host_in.h"
#include "host_out.h"

void host_put(struct host *h, unsigned path, struct packet *p)
{
	*(packet_is_data(p) ? &h->data_bytes : &h->control_bytes) += wire_bytes(p);
	p->path = (uint8_t)path;
	h->cpu_free_ns = MAX(h->cpu_free_ns, sim_now_ns) + h->cpu_ns;
	pipe_send(h->out[path], p);
}

void host_offer(void *host, struct packet *p)
{
	struct host *h = host;

	rules_offered(h->rules, p);
	if (h->len_in == HOST_TUN_QUEUE) {
		rules_dropped(p);
		packet_free(p);
		return;
	}
	host_out_read(h, p);
}

void host_receive(void *host, unsigned path, struct packet *p)
{
	host_in_receive(host, path, p);
}

void host_begin(struct host *h)
{
	host_in_begin(h);
	host_out_begin(h);
	host_control_begin(h);
}

void host_end(struct host *h)
{
	host_out_end(h);
	host_in_end(h);
	free(h->table);
}
