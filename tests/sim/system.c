/* SPDX-License-Identifier: MIT */
#include "system.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "crypto/init.h"
#include "dataplane/engine.h"
#include "dataplane/index.h"
#include "dataplane/link.h"
#include "dataplane/link_tx.h"

/* Wall time when boot time is 0: in 2026. */
#define EPOCH_S 1780000000ull

static struct {
	uint64_t now_ns;
	struct sim_random random;
	struct sim_host *host;
} system_now;

uint64_t sim_now_ns(void)
{
	return system_now.now_ns;
}

uint64_t sim_wall_ns(void)
{
	return EPOCH_S * NS_PER_S + system_now.now_ns;
}

void sim_set_now(uint64_t now_ns)
{
	assert(now_ns >= system_now.now_ns);
	system_now.now_ns = now_ns;
}

struct sim_host *sim_enter(struct sim_host *host)
{
	struct sim_host *before = system_now.host;

	system_now.host = host;
	return before;
}

/* ---- randomness: libsodium lets itself be given a source ---- */

static const char *name_source(void)
{
	return "seed";
}

static void draw(void *const out, const size_t len)
{
	uint8_t *at = out;

	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t value = sim_next(&system_now.random);

		memcpy(at + i, &value, len - i < sizeof value ? len - i : sizeof value);
	}
}

static uint32_t draw_u32(void)
{
	return (uint32_t)sim_next(&system_now.random);
}

static struct randombytes_implementation from_seed = {
	.implementation_name = name_source, .random = draw_u32, .buf = draw};

int sim_system_init(void)
{
	sim_system_begin(0, 0);
	if (randombytes_set_implementation(&from_seed))
		return -1;
	return crypto_init();
}

void sim_system_begin(uint64_t seed, uint64_t now_ns)
{
	system_now.now_ns = now_ns;
	system_now.host = NULL;
	sim_random_init(&system_now.random, seed, 's');
}

/* ---- in place of base/clock.h ---- */

uint64_t __wrap_clock_boot_ns(void);

uint64_t __wrap_clock_boot_ns(void)
{
	return system_now.now_ns;
}

/* ---- in place of dataplane/index.h: for a few peers, as it is made and freed often ---- */

struct index_table *__real_index_create(unsigned peers);
struct index_table *__wrap_index_create(unsigned peers);

struct index_table *__wrap_index_create(unsigned peers)
{
	(void)peers;
	return __real_index_create(4);
}

/* ---- in place of dataplane/engine.h: who waits for the workers does their work ---- */

bool __wrap_engine_await_sent(struct engine *engine, unsigned timeout_ms);

bool __wrap_engine_await_sent(struct engine *engine, unsigned timeout_ms)
{
	(void)engine, (void)timeout_ms;
	system_now.host->work(system_now.host);
	return true;
}

/* ---- in place of dataplane/link.h ---- */

int __wrap_link_open(struct link *link, const struct link_settings *set);

int __wrap_link_open(struct link *link, const struct link_settings *set)
{
	int r = system_now.host->open(system_now.host, link);

	(void)set;
	link->is_open = link->is_steered = !r;
	return r;
}

/* ---- in place of dataplane/link_tx.h ---- */

__typeof__(link_send) __wrap_link_send;

struct link_sent __wrap_link_send(struct dp_thread *self, const struct route *route,
                                  struct train_limit *trains,
                                  const struct link_datagrams *datagrams)
{
	struct sim_host *host = system_now.host;
	struct link_sent sent = {0};

	(void)self, (void)trains;
	for (unsigned i = 0; i < datagrams->count && !sent.error; i++) {
		const struct iovec *at = &datagrams->at[i];

		sent.error =
			-host->send(host, route->link, &route->remote, at->iov_base, at->iov_len);
		if (sent.error)
			break;
		sent.packets++;
		sent.bytes += at->iov_len;
	}
	return sent;
}

__typeof__(link_send_whole) __wrap_link_send_whole;

int __wrap_link_send_whole(struct link *link, const struct route *route,
                           const struct iovec *datagram)
{
	struct sim_host *host = system_now.host;

	return host->send(host, link, &route->remote, datagram->iov_base, datagram->iov_len);
}
