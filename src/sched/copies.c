/* SPDX-License-Identifier: MIT */
#include "sched/copies.h"

#include "vtrunkd/wire.h"

void sender_copy_later(struct sender *s, uint8_t path_id, const struct send_numbers *numbers,
                       uint64_t now_ns)
{
	const struct duplicate_copy copy = {.counter = numbers->first,
	                                    .key = numbers->key,
	                                    .path_id = path_id,
	                                    .due_ns = now_ns + DUPLICATE_LATER_NS};

	duplicate_later(s->stripe.duplicate, &copy);
}

static bool takes_data(const struct sender *s, const struct sender_facts *facts, uint8_t path_id)
{
	for (unsigned i = 0; facts->table && i < path_table_all(facts->table); i++) {
		if (facts->table->slot[i].path_id == path_id)
			return !(s->stripe.dead >> path_id & 1);
	}
	return false;
}

bool sender_take_copy(struct sender *s, const struct sender_facts *facts,
                      struct send_numbers *ret_numbers, uint8_t *ret_path_id)
{
	const struct duplicate_copy copy = duplicate_take(s->stripe.duplicate);

	*ret_path_id = copy.path_id;
	*ret_numbers = (struct send_numbers){
		.first = copy.counter, .key = copy.key, .lane = LANE_UNORDERED};
	return takes_data(s, facts, copy.path_id);
}

void sender_copied(struct sender *s, uint8_t path_id, uint32_t bytes, uint64_t now_ns)
{
	struct path_model *model = s->stripe.model[path_id];

	if (!bytes || !model)
		return;
	account_sent(s->stripe.account, ACCOUNT_COPY, path_id, (uint16_t)(1u << path_id), bytes);
	path_model_copied(model, bytes, now_ns);
	pacers_charge(&s->stripe.pacers, (uint16_t)(1u << path_id), bytes + PATH_OVERHEAD, now_ns);
	if (s->log[path_id])
		sendlog_count(s->log[path_id], bytes, 1);
}

void sender_forget_copies(struct sender *s)
{
	if (s->stripe.duplicate)
		duplicate_forget(s->stripe.duplicate);
}
