/* SPDX-License-Identifier: MIT */
#include "control/visitors.h"

#include <errno.h>

#include "crypto/aead.h"
#include "crypto/secret.h"

int visitors_init(struct visitors *v)
{
	int r;

	*v = (struct visitors){.arrived.fd = -1, .has_room.fd = -1};
	for (unsigned i = 0; i < VISITORS_MAX; i++) {
		v->slot[i].opened = secret_alloc(sizeof *v->slot[i].opened);
		if (!v->slot[i].opened)
			return -ENOMEM;
	}
	r = bell_init(&v->arrived);
	return r ? r : bell_init(&v->has_room);
}

void visitors_fini(struct visitors *v)
{
	for (unsigned i = 0; i < VISITORS_MAX; i++) {
		secret_free(v->slot[i].opened);
		v->slot[i].opened = NULL;
	}
	bell_fini(&v->arrived);
	bell_fini(&v->has_room);
}

/* Acquire pairs with the release in visitors_dismiss(): a place is written anew after it was read.
 */
static unsigned waiting(const struct visitors *v)
{
	return atomic_load_explicit(&v->in, memory_order_relaxed) - atomic_load(&v->out);
}

/* The wish is written before the places are counted again, and read after they were given back, all
 * in one order: one of the two sees the other.
 */
struct visitor *visitors_room(struct visitors *v)
{
	unsigned in = atomic_load_explicit(&v->in, memory_order_relaxed);

	if (waiting(v) == VISITORS_MAX) {
		atomic_store(&v->is_room_wanted, true);
		if (waiting(v) == VISITORS_MAX)
			return NULL;
		atomic_store(&v->is_room_wanted, false);
	}
	return &v->slot[in % VISITORS_MAX];
}

void visitors_let_in(struct visitors *v)
{
	unsigned in = atomic_load_explicit(&v->in, memory_order_relaxed);

	atomic_store_explicit(&v->in, in + 1, memory_order_release);
	bell_ring(&v->arrived);
}

struct visitor *visitors_next(struct visitors *v)
{
	unsigned out = atomic_load_explicit(&v->out, memory_order_relaxed);

	/* Acquire pairs with the release in visitors_let_in(). */
	if (atomic_load_explicit(&v->in, memory_order_acquire) == out)
		return NULL;
	return &v->slot[out % VISITORS_MAX];
}

void visitors_dismiss(struct visitors *v)
{
	unsigned out = atomic_load_explicit(&v->out, memory_order_relaxed);
	struct visitor *visitor = &v->slot[out % VISITORS_MAX];

	if (visitor->kind == MESSAGE_INITIATION)
		secret_wipe(visitor->opened, sizeof *visitor->opened);
	atomic_store(&v->out, out + 1);
	if (waiting(v) <= VISITORS_MAX / 2 && atomic_exchange(&v->is_room_wanted, false))
		bell_ring(&v->has_room);
}
