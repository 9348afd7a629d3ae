/* SPDX-License-Identifier: MIT */
#include "control/engine_plan.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/log.h"
#include "config/desired.h"
#include "crypto/init.h"
#include "dataplane/engine_settings.h"

static const struct tun tun = {.name = "vt0", .queues = 3};
static struct desired wanted = {.mtu = 1380, .crypto = CIPHER_SODIUM, .busy_poll_us = 50};
static struct engine_settings set;

static void setup(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(engine_plan, .init = setup);

Test(engine_plan, what_is_wanted_is_passed_on)
{
	cr_assert(eq(int, engine_plan(&wanted, 2, &tun, &set), 0));
	cr_expect(eq(str, set.tun.name, "vt0"));
	cr_expect(eq(uint, set.tun.queues, 3));
	cr_expect(eq(uint, set.mtu, 1380));
	cr_expect(eq(uint, set.workers, 2));
	cr_expect(eq(uint, set.busy_poll_us, 50));
	cr_expect(eq(int, set.cipher, CIPHER_SODIUM));
}

Test(engine_plan, processors_are_dealt_out_in_turns)
{
	wanted.cpus_tun.count = 2;
	wanted.cpus_tun.cpu[0] = 4;
	wanted.cpus_tun.cpu[1] = 6;
	cr_assert(eq(int, engine_plan(&wanted, 2, &tun, &set), 0));
	cr_expect(eq(int, set.tun_cpu[0], 4));
	cr_expect(eq(int, set.tun_cpu[1], 6));
	cr_expect(eq(int, set.tun_cpu[2], 4));
	cr_expect(eq(int, set.worker_cpu[0], -1), "none is named: any");
	cr_expect(eq(int, set.worker_cpu[1], -1));
}

/* A single worker that nobody asked for does its work in the thread that has it. */
Test(engine_plan, work_is_handed_over_when_workers_are_asked_for_or_many)
{
	cr_assert(eq(int, engine_plan(&wanted, 1, &tun, &set), 0));
	cr_expect(not(set.hand_over));
	cr_assert(eq(int, engine_plan(&wanted, 2, &tun, &set), 0));
	cr_expect(set.hand_over);
	wanted.workers = 1;
	cr_assert(eq(int, engine_plan(&wanted, 1, &tun, &set), 0));
	cr_expect(set.hand_over);
}

Test(engine_plan, library_is_one_that_is_there)
{
	wanted.crypto = CIPHER_AUTO;
	cr_assert(eq(int, engine_plan(&wanted, 1, &tun, &set), 0));
	cr_expect(ne(int, set.cipher, CIPHER_AUTO));
	wanted.crypto = CIPHER_IPSEC_MB;
	cr_expect(eq(int, engine_plan(&wanted, 1, &tun, &set),
	             cipher_is_available(CIPHER_IPSEC_MB) ? 0 : -ENOTSUP));
}
