/* SPDX-License-Identifier: MIT */
/* engine_settings.h - what is said once, when an engine is created: device, threads, cipher. */
#ifndef DATAPLANE_ENGINE_SETTINGS_H
#define DATAPLANE_ENGINE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/cipher.h"
#include "dataplane/tun.h"

#define WORKERS_MAX 64u

struct engine_settings {
	struct tun tun;              /* open; the descriptors stay the caller's */
	uint32_t mtu;                /* of the TUN device, bytes */
	unsigned workers;            /* 1 .. WORKERS_MAX */
	bool hand_over;              /* to workers under backlog, rather than all in place */
	enum cipher_library cipher;  /* as cipher_choose() gave it */
	unsigned busy_poll_us;       /* how long threads look for work before they sleep */
	int tun_cpu[TUN_QUEUES_MAX]; /* -1: anywhere */
	int worker_cpu[WORKERS_MAX];
};

#endif
