/* SPDX-License-Identifier: MIT */
#include "host_out.h"

#include "dataplane/feedback.h"
#include "events.h"
#include "host_control.h"
#include "host_key.h"
#include "host_watch.h"
#include "sched/copies.h"
#include "sched/heard.h"
#include "sched/measure.h"
#include "vtrunkd/wire.h"

#define READS_PER_ROUND 64u
#define READ_MEMORY     (64u << 20) /* of a dispatcher; half of it for one who waits */
#define EXPIRY_REST_NS  NS_PER_S

enum outcome {
	PLACED,
	WAIT,
};

/* ---- runs ---- */

static void end_run(struct host *h)
{
	if (h->run.packets)
		sender_sent(&h->sender, &h->facts, &h->run, NULL, sim_now_ns);
	h->run = (struct send_run){0};
}

static void leave(struct host *h, struct packet *p)
{
	unsigned others = h->open.path_mask & ~(1u << h->open.path_id);

	rules_sent(p);
	for (; others; others &= others - 1) {
		struct packet *copy = packet_copy(p);

		rules_doubled(copy);
		host_put(h, (unsigned)__builtin_ctz(others), copy);
	}
	host_put(h, h->open.path_id, p);
}

static void record(struct host *h, uint64_t first)
{
	const struct host_batch *b = &h->open;
	const struct send_numbers numbers = {.first = first, .key = HOST_KEY, .lane = b->lane};
	struct send_run all = {.path_id = b->path_id, .path_mask = b->path_mask, .packets = b->len};

	for (unsigned i = 0; i < b->len; i++)
		all.bytes += b->packet[i]->bytes;
	sender_record(&h->sender, &h->facts, &all, &numbers, sim_now_ns);
}

/* A processor that is behind lets it leave later. */
static void note_departure(struct host *h, uint64_t first)
{
	const struct host_batch *b = &h->open;

	if (h->cpu_ns && h->feedback)
		feedback_run_left(h->feedback, b->path_id, (uint64_t)b->lane << LANE_SHIFT | first,
		                  HOST_KEY, MAX(h->cpu_free_ns, sim_now_ns));
}

static void copy_later(struct host *h, uint64_t first)
{
	const struct host_batch *b = &h->open;
	const struct send_numbers numbers = {.first = first, .key = HOST_KEY, .lane = b->lane};

	sender_copy_later(&h->sender, b->path_id, &numbers, sim_now_ns);
}

static void close_batch(struct host *h)
{
	struct host_batch *b = &h->open;
	uint64_t first = h->next[b->lane];

	if (!b->is_open)
		return;
	if (h->facts.is_reporting)
		record(h, first);
	note_departure(h, first);
	if (b->copy == DUPLICATE_LATER)
		copy_later(h, first);
	h->runs++;
	h->run_packets += b->len;
	for (unsigned i = 0; i < b->len; i++) {
		struct packet *p = b->packet[i];

		p->lane = b->lane;
		p->counter = h->next[b->lane]++;
		if (b->lane == LANE_ORDERED) {
			p->group = (uint8_t)(p->flow % h->lanes);
			p->place = h->place[p->group]++;
		}
		if (h->facts.is_learned && b->copy != DUPLICATE_BESIDE)
			host_kept_add(&h->kept, p);
		leave(h, p);
	}
	b->is_open = false;
	host_control_data(h);
}

static void close_turn(struct host *h)
{
	end_run(h);
	close_batch(h);
}

static uint8_t lane_of(const struct host *h, const struct send_run *run)
{
	return h->is_reporting && !run->is_ordered ? LANE_UNORDERED : LANE_ORDERED;
}

static bool has_room(const struct host *h)
{
	return h->open.is_open && h->open.len < BATCH_MAX;
}

static bool goes_on(const struct host *h)
{
	return has_room(h) && h->open.path_mask == h->run.path_mask &&
	       h->open.lane == lane_of(h, &h->run);
}

static void find_batch(struct host *h)
{
	if (goes_on(h))
		return;
	close_batch(h);
	h->open.is_open = true;
	h->open.len = 0;
	h->open.path_id = h->run.path_id;
	h->open.path_mask = h->run.path_mask;
	h->open.lane = lane_of(h, &h->run);
	h->open.copy = h->run.copy;
}

static void end_before_next(struct host *h)
{
	end_run(h);
	if (h->facts.is_learned)
		close_batch(h);
}

static enum outcome begin_with(struct host *h, const struct packet *p,
                               const struct send_class *class)
{
	const struct send_hand hand = {
		.left = {.bytes = p->bytes, .packets = 1, .next_bytes = p->bytes},
		.read_packets = 1,
		.is_urgent = class->is_urgent,
		.flow = class->flow,
	};

	end_before_next(h);
	if (sender_run_for(&h->sender, &h->facts, &hand, sim_now_ns, &h->run) != SENDER_RUN)
		return WAIT;
	find_batch(h);
	return PLACED;
}

static enum outcome place(struct host *h, struct packet *p, const struct send_class *class)
{
	if (!has_room(h) || h->run.is_urgent != class->is_urgent ||
	    !send_run_add(&h->run, p->bytes)) {
		if (begin_with(h, p, class) != PLACED)
			return WAIT;
		send_run_add(&h->run, p->bytes);
	}
	h->open.packet[h->open.len++] = p;
	return PLACED;
}

static bool begins_anew(const struct host *h)
{
	const struct send_queue *queue = sender_first_queue(&h->sender);

	return !has_room(h) || h->run.is_urgent != (queue == &h->sender.urgent) ||
	       send_run_is_full(&h->run);
}

static enum outcome pull(struct host *h)
{
	if (begins_anew(h)) {
		end_before_next(h);
		if (sender_next_run(&h->sender, &h->facts, sim_now_ns, &h->run) != SENDER_RUN)
			return WAIT;
		find_batch(h);
	}
	h->open.packet[h->open.len++] = (struct packet *)sender_take(&h->sender, &h->run);
	return PLACED;
}

static void send_again(struct host *h, const struct send_numbers *numbers, uint8_t path)
{
	const struct packet *kept = host_kept_find(&h->kept, numbers->lane, numbers->first);
	struct packet *p;

	if (!kept) {
		sender_repaired(&h->sender, path, 0, sim_now_ns);
		return;
	}
	p = packet_copy(kept);
	h->repairs++;
	rules_repaired(p);
	host_put(h, path, p);
	sender_repaired(&h->sender, path, kept->bytes, sim_now_ns);
}

static void send_repairs(struct host *h)
{
	struct send_numbers numbers;
	uint8_t path;

	while (h->facts.is_learned &&
	       sender_next_repair(&h->sender, &h->facts, sim_now_ns, &numbers, &path))
		send_again(h, &numbers, path);
}

static void send_copies(struct host *h)
{
	struct send_numbers numbers;
	uint8_t path;

	while (h->facts.is_learned && sender_copy_is_due(&h->sender, sim_now_ns)) {
		bool is_usable = sender_take_copy(&h->sender, &h->facts, &numbers, &path);
		const struct packet *kept =
			host_kept_find(&h->kept, numbers.lane, numbers.first);
		struct packet *p;

		if (!is_usable || !kept)
			continue;
		p = packet_copy(kept);
		rules_doubled(p);
		host_put(h, path, p);
		sender_copied(&h->sender, path, kept->bytes, sim_now_ns);
	}
	if (!h->facts.is_learned)
		sender_forget_copies(&h->sender);
}

static void begin_turn(struct host *h)
{
	h->facts = (struct sender_facts){.table = h->table};
	h->can_send = h->table->len > 0;
	if (!h->can_send)
		return;
	h->facts.has_session = true;
	h->facts.is_reporting = h->feedback != NULL;
	h->facts.is_learned = h->feedback &&
	                      (path_table_all(h->table) > 1 || !stripe_is_alone(&h->sender.stripe));
}

/* ---- what waits ---- */

static bool is_empty(const struct host *h)
{
	return !sender_waiting(&h->sender);
}

static bool drop_oldest(struct host *h)
{
	struct packet *p = (struct packet *)sender_drop(&h->sender);

	if (!p)
		return false;
	rules_dropped(p);
	packet_free(p);
	return true;
}

static enum sender_excess excess(struct host *h)
{
	enum sender_excess excess = sender_excess(&h->sender, sim_now_ns);

	if (excess == SENDER_KEEPS && h->sender.is_held_up &&
	    h->sender.waiting.bytes > READ_MEMORY / 2)
		return SENDER_TOO_MANY;
	return excess;
}

static enum sender_outcome look_after_waiting(struct host *h)
{
	struct send_run run;
	enum sender_outcome outcome = sender_next_run(&h->sender, &h->facts, sim_now_ns, &run);

	while (excess(h) != SENDER_KEEPS && drop_oldest(h))
		;
	return outcome;
}

static void relieve(struct host *h)
{
	while (sender_congested(&h->sender, &h->facts, sim_now_ns) == SENDER_DROPS) {
		drop_oldest(h);
		h->congested++;
	}
}

static void send_waiting(struct host *h)
{
	enum outcome outcome = PLACED;

	while (outcome == PLACED && !is_empty(h)) {
		if (h->facts.is_learned && begins_anew(h))
			relieve(h);
		if (is_empty(h))
			break;
		outcome = pull(h);
	}
}

static void keep(struct host *h, struct packet *p, const struct send_class *class)
{
	p->ticket = (struct send_ticket){.since_ns = sim_now_ns,
	                                 .packets = 1,
	                                 .packet_bytes = p->bytes,
	                                 .last_bytes = p->bytes,
	                                 .flow = class->flow,
	                                 .is_urgent = class->is_urgent};
	sender_offer(&h->sender, &p->ticket);
	if (look_after_waiting(h) == SENDER_RUN)
		send_waiting(h);
}

static void set_turn(struct host *h)
{
	uint64_t alarm_ns = sender_alarm_ns(&h->sender);

	if (!is_empty(h))
		alarm_ns = MAX(alarm_ns, sim_now_ns + EXPIRY_REST_NS);
	host_out_turn_at(h, MIN(alarm_ns, MIN(sender_pump_ns(&h->sender), host_watch_due_ns(h))));
}

/* ---- a turn ---- */

static struct send_class classify(struct host *h, const struct packet *p)
{
	struct traffic_facts facts = packet_facts(p);
	struct send_class class = {0};

	if (!h->facts.is_learned)
		return class;
	class.flow = facts.flow;
	class.is_urgent = traffic_classify(&h->classes, &facts, sim_now_ns) == TRAFFIC_URGENT;
	if (!class.is_urgent || facts.protocol == PACKET_TCP)
		measure_expect(&h->sender, sim_now_ns);
	return class;
}

static bool goes_first(const struct host *h, bool is_urgent)
{
	return is_urgent ? h->sender.urgent.first != NULL : !is_empty(h);
}

static void send_read(struct host *h, struct packet *p)
{
	const struct send_class class = classify(h, p);

	if (!h->can_send || goes_first(h, class.is_urgent) ||
	    place(h, p, &class) != PLACED)
		keep(h, p, &class);
}

static struct packet *next_read(struct host *h)
{
	struct packet *p = h->first_in;

	if (p) {
		h->first_in = p->next;
		h->len_in--;
	}
	return p;
}

static void do_all(struct host *h)
{
	host_watch_hear(h);
	begin_turn(h);
	host_watch_tick(h);
	send_repairs(h);
	send_copies(h);
	if (!is_empty(h))
		look_after_waiting(h);
	if (h->can_send && !is_empty(h) && !h->sender.is_held_up)
		send_waiting(h);
}

static bool is_cpu_behind(const struct host *h)
{
	return h->cpu_ns && h->cpu_free_ns > sim_now_ns + HOST_CPU_AHEAD;
}

static void take_turn(struct host *h)
{
	struct packet *p;

	if (is_cpu_behind(h)) {
		host_out_turn_at(h, h->cpu_free_ns);
		return;
	}
	do_all(h);
	for (unsigned i = 0; i < READS_PER_ROUND && !is_cpu_behind(h) && (p = next_read(h)); i++)
		send_read(h, p);
	close_turn(h);
	rules_turned(h);
	set_turn(h);
	if (h->first_in)
		host_out_turn_at(h, sim_now_ns);
}

static void on_turn(void *what, uint64_t number)
{
	struct host *h = what;

	if (h->turn_at_ns != number)
		return;
	h->turn_at_ns = NEVER_NS;
	take_turn(h);
}

void host_out_turn_at(struct host *h, uint64_t at_ns)
{
	at_ns = MAX(at_ns, sim_now_ns);
	if (at_ns >= h->turn_at_ns)
		return;
	h->turn_at_ns = at_ns;
	event_at(at_ns, on_turn, h, at_ns);
}

void host_out_read(struct host *h, struct packet *p)
{
	p->next = NULL;
	if (h->first_in)
		h->last_in->next = p;
	else
		h->first_in = p;
	h->last_in = p;
	h->len_in++;
	host_out_turn_at(h, sim_now_ns);
}

void host_out_begin(struct host *h)
{
	sender_init(&h->sender);
	h->turn_at_ns = NEVER_NS;
}

void host_out_end(struct host *h)
{
	struct packet *p;

	while ((p = next_read(h))) {
		rules_dropped(p);
		packet_free(p);
	}
	while (drop_oldest(h))
		;
	sender_fini(&h->sender);
	host_kept_clear(&h->kept);
}
