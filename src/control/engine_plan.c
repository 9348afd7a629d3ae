/* SPDX-License-Identifier: MIT */
#include "control/engine_plan.h"

#include <errno.h>

#include "base/log.h"
#include "config/desired.h"
#include "dataplane/engine_settings.h"

static int cpu_of(const struct desired_cpus *cpus, unsigned i)
{
	return cpus->count ? cpus->cpu[i % cpus->count] : -1;
}

/* The library that seals and opens transport data. */
static int choose_cipher(const struct desired *wanted, enum cipher_library *ret)
{
	const char *name = cipher_library_name(wanted->crypto);
	int r = cipher_choose(wanted->crypto, ret);

	if (r == -ENOTSUP)
		log_error("dataplane.crypto: %s is not built in, or this processor lacks what it "
		          "needs (AVX2); auto takes what there is",
		          name);
	else if (r)
		log_error("dataplane.crypto: %s fails its known answers", name);
	return r;
}

int engine_plan(const struct desired *wanted, unsigned workers, const struct tun *tun,
                struct engine_settings *ret)
{
	*ret = (struct engine_settings){.tun = *tun,
	                                .mtu = wanted->mtu,
	                                .workers = workers,
	                                .hand_over = wanted->workers || workers > 1,
	                                .busy_poll_us = wanted->busy_poll_us};
	for (unsigned i = 0; i < tun->queues; i++)
		ret->tun_cpu[i] = cpu_of(&wanted->cpus_tun, i);
	for (unsigned i = 0; i < workers; i++)
		ret->worker_cpu[i] = cpu_of(&wanted->cpus_workers, i);
	return choose_cipher(wanted, &ret->cipher);
}
