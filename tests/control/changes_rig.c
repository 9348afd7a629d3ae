/* SPDX-License-Identifier: MIT */
#include "changes_rig.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "../config/desired_rig.h"
#include "control/gate.h"
#include "dataplane/engine_private.h"
#include "dataplane/publish.h"

struct control control;
static int tun[2];
struct endpoint far_at;
static int far;
char at_far[256];

/* ---- the daemon ---- */

static struct peer *find_peer(void *arg, const uint8_t key[static KEY_LEN])
{
	(void)arg;
	return peers_find(&control.peers, key);
}

static unsigned sample_nobody(void *arg, size_t i, uint64_t now_ns)
{
	(void)arg, (void)i, (void)now_ns;
	return 1;
}

static const struct walk_calls sampling = {.step = sample_nobody};

static void gathered(void *arg, struct facts *facts)
{
	(void)arg;
	facts_free(facts);
}

static void make_engine(void)
{
	struct engine_settings set = {.mtu = 1420, .workers = 1, .cipher = CIPHER_SODIUM};

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, tun), 0));
	set.tun = (struct tun){.queues = 1, .fd = {tun[0]}};
	set.tun_cpu[0] = set.worker_cpu[0] = -1;
	cr_assert(eq(int, engine_create(&set, &control.engine), 0));
	control_make_effects(&control);
}

void changes_rig_start(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	far = rig_socket(&far_at);
	control.changes.running = NULL;
	cr_assert(eq(int, loop_init(&control.loop), 0));
	walk_init(&control.sampling, &control.loop.deadlines, &sampling, &control, 1);
	gather_init(&control.gathering, &control.loop.deadlines, gathered, NULL);
	make_engine();

	char text[ENDPOINT_TEXT_LEN], endpoints[64];

	snprintf(endpoints, sizeof endpoints, ", endpoints: [\"%s\"]",
	         endpoint_format(&far_at, text));
	snprintf(at_far, sizeof at_far, A, endpoints);
	control.changes.running = desired_of(DSL, at_far);
	control.identity = secret_alloc(sizeof *control.identity);
	noise_identity_init(control.identity, control.changes.running->private_key);
	messages_init(&control.messages, control.fx, find_peer, NULL);
	cr_assert(eq(int, gate_create(control.engine, control.identity, &control.gate), 0));
	cr_assert(eq(int, gate_start(control.gate), 0));
	control_make_links(&control);
	control_make_changes(&control);
	cr_assert(eq(int, changes_begin(&control.changes), 0));
	cr_assert(eq(int, links_open(&control.links, control.loop.now_ns), 0));
	cr_assert(eq(int, engine_start(control.engine), 0));
	for (size_t i = 0; i < control.peers.count; i++)
		peer_service(control.peers.at[i], control.loop.now_ns);
}

void changes_rig_stop(void)
{
	walk_stop(&control.sampling);
	gather_stop(&control.gathering);
	changes_end(&control.changes);
	gate_destroy(control.gate);
	engine_stop(control.engine);
	engine_destroy(control.engine);
	secret_free(control.identity);
	desired_free(control.changes.running);
	peers_fini(&control.peers);
	stamps_fini(&control.stamps);
	loop_fini(&control.loop);
	close(tun[0]);
	close(tun[1]);
	close(far);
	rcu_barrier();
	rcu_unregister_thread();
}

char why[CHANGES_WHY_LEN];

int lead_to(const char *links, const char *peers)
{
	return changes_apply(&control.changes, desired_of(links, peers), why);
}

struct peer *peer_called(const char *name)
{
	for (size_t i = 0; i < control.peers.count; i++)
		if (!strcmp(control.peers.at[i]->name, name))
			return control.peers.at[i];
	return NULL;
}

struct dp_peer *owner_of(uint8_t host)
{
	const uint8_t address[4] = {10, 0, 0, host};
	const struct allowedips *table = rcu_dereference(control.engine->tables.allowedips);

	return table ? allowedips_lookup4(table, address) : NULL;
}

bool hears_initiation(void)
{
	struct pollfd p = {.fd = far, .events = POLLIN};
	uint8_t message[2048];

	while (poll(&p, 1, 1000) == 1) {
		if (recv(far, message, sizeof message, 0) == sizeof(struct message_initiation) &&
		    message[0] == MESSAGE_INITIATION)
			return true;
	}
	return false;
}

unsigned paths_over(const struct peer *peer, const char *link)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->paths.slot[i];

		count += path_is_used(path) && !strcmp(path->route.link->name, link);
	}
	return count;
}
