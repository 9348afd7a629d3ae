/* SPDX-License-Identifier: MIT */
/* engine_plan.h - what the configuration wants of the data plane, as its engine is told.
 *
 * The library that seals and opens is chosen here, with what is wrong with it logged. One thread
 * after the other of a kind gets the next processor of its list, and after the last the first.
 *
 * At the start, any thread.
 */
#ifndef CONTROL_ENGINE_PLAN_H
#define CONTROL_ENGINE_PLAN_H

struct desired;
struct engine_settings;
struct tun;

/* With @workers threads that seal and open, for the device @tun. Returns 0 or a negative errno of
 * cipher_choose(), logged.
 */
int engine_plan(const struct desired *wanted, unsigned workers, const struct tun *tun,
                struct engine_settings *ret);

#endif
