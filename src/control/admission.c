/* SPDX-License-Identifier: MIT */
#include "control/admission.h"

#include <sys/epoll.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "control/gate.h"
#include "control/messages.h"

#define CPU_PER_TURN_NS (NS_PER_MS / 2)

static void on_visitors(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct admission *a = caa_container_of(source, struct admission, source);
	struct visitors *visitors = gate_visitors(a->gate);
	uint64_t begun_ns = clock_thread_cpu_ns(), used_ns = 0;
	struct visitor *visitor = NULL;

	(void)events;
	bell_heard(&visitors->arrived);
	while (used_ns < CPU_PER_TURN_NS && (visitor = visitors_next(visitors))) {
		messages_take(a->messages, visitor, now_ns);
		visitors_dismiss(visitors);
		used_ns = clock_thread_cpu_ns() - begun_ns;
	}
	gate_charge(a->gate, used_ns);
	if (visitor)
		bell_ring(&visitors->arrived); /* perhaps there are more */
}

int admission_init(struct admission *a, struct loop *loop, struct gate *gate,
                   struct messages *messages)
{
	*a = (struct admission){.source = {gate_visitors(gate)->arrived.fd, on_visitors},
	                        .gate = gate,
	                        .messages = messages};
	return loop_watch(loop, &a->source, EPOLLIN);
}
