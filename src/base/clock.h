/* SPDX-License-Identifier: MIT */
/* clock.h - the clocks of the daemon.
 *
 * Boot time goes on while the machine is suspended; key age, timers and probes are measured in it.
 * Wall time serves TAI64N time stamps and log lines only, processor time the budget of handshake
 * messages. Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of CLOCK_BOOTTIME. */
uint64_t clock_boot_ns(void);

/* Processor time that the calling thread has used, in the kernel as well. A system call. */
uint64_t clock_thread_cpu_ns(void);

/* CLOCK_REALTIME. */
struct timespec clock_wall(void);

#endif
