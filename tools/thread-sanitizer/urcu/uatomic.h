/* SPDX-License-Identifier: MIT */
/* Takes the place of liburcu's header of this name in a build for ThreadSanitizer, which knows nothing of
 * assembler: the same interface by the compiler's atomics.
 */
#ifndef _URCU_UATOMIC_H
#define _URCU_UATOMIC_H

#include <urcu/compiler.h>
#include <urcu/system.h>

#define UATOMIC_HAS_ATOMIC_BYTE
#define UATOMIC_HAS_ATOMIC_SHORT

#define uatomic_read(addr) CMM_LOAD_SHARED(*(addr))
#define uatomic_set(addr, v) ((void)CMM_STORE_SHARED(*(addr), (v)))

#define uatomic_xchg(addr, v)                                                                      \
	__extension__({                                                                            \
		__typeof__(*(addr)) uatomic_new_ = (v);                                            \
		__atomic_exchange_n((addr), uatomic_new_, __ATOMIC_SEQ_CST);                       \
	})
#define uatomic_cmpxchg(addr, old, new)                                                            \
	__extension__({                                                                            \
		__typeof__(*(addr)) uatomic_old_ = (old), uatomic_new_ = (new);                    \
		__atomic_compare_exchange_n((addr), &uatomic_old_, uatomic_new_, 0,                \
		                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                   \
		uatomic_old_;                                                                      \
	})

#define uatomic_add_return(addr, v) __atomic_add_fetch((addr), (v), __ATOMIC_SEQ_CST)
#define uatomic_sub_return(addr, v) __atomic_sub_fetch((addr), (v), __ATOMIC_SEQ_CST)
#define uatomic_add(addr, v) ((void)uatomic_add_return(addr, v))
#define uatomic_sub(addr, v) ((void)uatomic_sub_return(addr, v))
#define uatomic_inc(addr) uatomic_add(addr, 1)
#define uatomic_dec(addr) uatomic_sub(addr, 1)
#define uatomic_and(addr, v) ((void)__atomic_and_fetch((addr), (v), __ATOMIC_SEQ_CST))
#define uatomic_or(addr, v) ((void)__atomic_or_fetch((addr), (v), __ATOMIC_SEQ_CST))

/* Each operation above is a full barrier. */
#define cmm_smp_mb__before_uatomic_add() cmm_barrier()
#define cmm_smp_mb__after_uatomic_add() cmm_barrier()
#define cmm_smp_mb__before_uatomic_sub() cmm_barrier()
#define cmm_smp_mb__after_uatomic_sub() cmm_barrier()
#define cmm_smp_mb__before_uatomic_inc() cmm_barrier()
#define cmm_smp_mb__after_uatomic_inc() cmm_barrier()
#define cmm_smp_mb__before_uatomic_dec() cmm_barrier()
#define cmm_smp_mb__after_uatomic_dec() cmm_barrier()
#define cmm_smp_mb__before_uatomic_and() cmm_barrier()
#define cmm_smp_mb__after_uatomic_and() cmm_barrier()
#define cmm_smp_mb__before_uatomic_or() cmm_barrier()
#define cmm_smp_mb__after_uatomic_or() cmm_barrier()

#endif
