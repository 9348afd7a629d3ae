/* SPDX-License-Identifier: MIT */
/* Takes the place of liburcu's header of this name in a build for ThreadSanitizer, which knows nothing of
 * volatile accesses and barriers in assembler: the same interface by the compiler's atomics. A store
 * releases and a load acquires, as liburcu's barriers around them do; on x86-64 each access does anyway.
 */
#ifndef _URCU_SYSTEM_H
#define _URCU_SYSTEM_H

#include <urcu/compiler.h>
#include <urcu/arch.h>

#define CMM_LOAD_SHARED(p) __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define CMM_STORE_SHARED(x, v)                                                                     \
	__extension__({                                                                            \
		__typeof__(x) cmm_stored_ = (v);                                                   \
		__atomic_store_n(&(x), cmm_stored_, __ATOMIC_RELEASE);                             \
		cmm_stored_;                                                                       \
	})

#define _CMM_LOAD_SHARED(p) CMM_LOAD_SHARED(p)
#define _CMM_STORE_SHARED(x, v) CMM_STORE_SHARED(x, v)

#endif
