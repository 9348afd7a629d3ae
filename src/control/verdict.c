/* SPDX-License-Identifier: MIT */
#include "control/verdict.h"

#include <string.h>

#include "vtrunkd/limits.h"

#define HELLO_INTERVAL_NS (NS_PER_S / 2) /* until it is acknowledged */
#define HELLO_MAX         6u             /* then the verdict stands as it is */
#define VERDICT_MIN_NS    (3 * NS_PER_S)

const char *verdict_name(enum bonding_verdict verdict)
{
	static const char *const names[] = {[VERDICT_UNKNOWN] = "unknown",
	                                    [VERDICT_STOCK] = "stock",
	                                    [VERDICT_BONDED] = "bonded"};

	return names[verdict];
}

void verdict_init(struct verdict *v)
{
	*v = (struct verdict){.hello_ns = NEVER_NS, .due_ns = NEVER_NS};
}

bool verdict_session_began(struct verdict *v, bool is_initiator, bool has_crossed,
                           uint64_t probe_interval_ns, uint64_t now_ns)
{
	uint64_t wait_ns = 3 * probe_interval_ns;

	v->hellos = 0;
	v->hello_ns = NEVER_NS;
	if (!(is_initiator ? v->sent_marker : v->saw_marker))
		return false;
	v->due_ns = now_ns + (wait_ns > VERDICT_MIN_NS ? wait_ns : VERDICT_MIN_NS);
	if (!is_initiator || has_crossed)
		v->hello_ns = now_ns;
	return true;
}

bool verdict_greet(struct verdict *v, uint64_t now_ns)
{
	if (v->hello_ns > now_ns)
		return false;
	v->hello_ns = ++v->hellos < HELLO_MAX ? now_ns + HELLO_INTERVAL_NS : NEVER_NS;
	return true;
}

void verdict_acknowledged(struct verdict *v)
{
	v->hello_ns = NEVER_NS;
}

bool verdict_bonded(struct verdict *v)
{
	bool is_news = v->is != VERDICT_BONDED;

	v->due_ns = NEVER_NS;
	v->is = VERDICT_BONDED;
	return is_news;
}

bool verdict_stock(struct verdict *v)
{
	bool is_news = v->is != VERDICT_STOCK;

	v->due_ns = v->hello_ns = NEVER_NS;
	v->is = VERDICT_STOCK;
	return is_news;
}

bool verdict_is_other_life(const struct verdict *v, const uint8_t boot_id[static 8])
{
	return v->knows_boot_id && memcmp(v->remote_boot_id, boot_id, sizeof v->remote_boot_id);
}

bool verdict_is_known(const struct verdict *v, const uint8_t boot_id[static 8], uint32_t features)
{
	return v->knows_boot_id && !verdict_is_other_life(v, boot_id) &&
	       v->remote_features == features;
}

bool verdict_note_hello(struct verdict *v, const uint8_t boot_id[static 8], uint32_t features)
{
	bool is_restarted = verdict_is_other_life(v, boot_id);

	memcpy(v->remote_boot_id, boot_id, sizeof v->remote_boot_id);
	v->remote_features = features;
	v->knows_boot_id = true;
	return is_restarted;
}

bool verdict_is_awaited(const struct verdict *v)
{
	return v->due_ns != NEVER_NS;
}

uint64_t verdict_next_ns(const struct verdict *v)
{
	return v->hello_ns < v->due_ns ? v->hello_ns : v->due_ns;
}
