/* SPDX-License-Identifier: MIT */
/* bell.h - wakes a thread that sleeps in poll() or epoll: a descriptor that is readable once it was
 * rung.
 *
 * Whoever puts something somewhere for another thread rings afterwards; that thread calls
 * bell_heard() and then looks at all there is. What is put down before it has looked costs one
 * system call, however much it is:
 *
 *      put, bell_ring()          bell_heard(), look
 *
 * One thread hears, any thread rings. Nobody waits.
 */
#ifndef BASE_BELL_H
#define BASE_BELL_H

#include <stdatomic.h>
#include <stdbool.h>

struct bell {
	int fd;               /* eventfd, set by bell_init(); -1: none */
	_Atomic bool is_rung; /* and not heard yet */
};

/* Returns 0 or a negative errno. */
int bell_init(struct bell *bell);

/* When nobody rings any more. One whose descriptor is -1 is allowed. */
void bell_fini(struct bell *bell);

void bell_ring(struct bell *bell);

/* From here on whoever rings wakes the thread again; what was put down before is seen after this.
 */
void bell_heard(struct bell *bell);

/* Whether it was rung and not heard, for who does not sleep. */
bool bell_is_rung(const struct bell *bell);

#endif
