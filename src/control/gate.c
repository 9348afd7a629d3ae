/* SPDX-License-Identifier: MIT */
#include "control/gate.h"

#include "base/clock.h"
#include "control/control.h"
#include "control/links.h"

bool gate_is_shut(const struct gate *gate)
{
	return deadline_is_set(&gate->reopen);
}

static void reopen(struct deadline *d, uint64_t now_ns)
{
	struct control *control = caa_container_of(d, struct control, gate.reopen);

	(void)now_ns;
	links_watch_handshakes(control, true);
	/* For those among data, which nobody tells of a second time. */
	engine_wake_control(control->engine);
}

void gate_init(struct gate *gate)
{
	*gate = (struct gate){.reopen.expired = reopen};
}

static void shut(struct control *control, uint64_t now_ns)
{
	uint64_t suppressed;

	/* Cannot fail: there is room for it from the start. */
	deadline_set(&control->loop.deadlines, &control->gate.reopen,
	             budget_back_ns(&control->gate.budget, now_ns));
	links_watch_handshakes(control, false);
	control->gate.shut_count++;
	if (strangers_set_loaded(&control->messages.strangers, now_ns) &&
	    log_limit_pass(&control->messages.log_limit, now_ns, &suppressed))
		log_warning("handshake messages take more than %u %% of a processor: most are left "
		            "unread, and senders are asked for cookies",
		            BUDGET_PERCENT);
}

static void charge(struct gate *gate, uint64_t now_ns)
{
	uint64_t cpu_ns = clock_thread_cpu_ns();

	budget_charge(&gate->budget, cpu_ns - gate->cpu_ns, now_ns);
	gate->cpu_ns = cpu_ns;
}

bool gate_enter(struct control *control, uint64_t now_ns)
{
	if (gate_is_shut(&control->gate))
		return false;
	if (!budget_has(&control->gate.budget, now_ns)) {
		shut(control, now_ns);
		return false;
	}
	control->gate.cpu_ns = clock_thread_cpu_ns();
	return true;
}

bool gate_may_go_on(struct control *control, uint64_t now_ns)
{
	charge(&control->gate, now_ns);
	return budget_has(&control->gate.budget, now_ns);
}

void gate_leave(struct control *control, uint64_t now_ns)
{
	if (!gate_may_go_on(control, now_ns))
		shut(control, now_ns);
}
