/* SPDX-License-Identifier: MIT */
#include "control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "control/engine_plan.h"
#include "control/gate.h"
#include "control/peer_links.h"
#include "control/signals.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

#define SAMPLE_NS NS_PER_S

/* Peers whose rates are worked out in one turn of the loop: not tuned, about 100 us. */
#define SAMPLES_PER_TURN 32u

#define TUN_INTERVAL_NS (60 * NS_PER_S) /* between lines about a device whose reads fail */

/* ---- the loop ---- */

static void on_signal(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct control *control = caa_container_of(source, struct control, signals);
	const char *name;

	(void)events, (void)now_ns;
	switch (signals_take(source->fd, &name)) {
	case SIGNAL_NONE:
		return;
	case SIGNAL_RELOAD:
		log_warning("got %s, ignored: the configuration is read at the start only; restart "
		            "the daemon to have a new one used",
		            name);
		return;
	case SIGNAL_STOP:
		log_info("stopping, got %s", name);
		control->is_stopping = true;
	}
}

static void on_answer(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct control *control = caa_container_of(source, struct control, answers);
	struct resolve_answer answer;

	(void)events;
	while (resolve_take(control->resolver, &answer))
		surroundings_answered(&control->surroundings, &answer, now_ns);
}

static void on_tun_gone(void *arg, int error)
{
	struct control *control = arg;

	log_error("interface=%s: the TUN device is gone, %s; stopping", control->interface,
	          strerror(error));
	control->is_stopping = true;
	control->has_failed = true;
}

struct gather_from control_gather_from(const struct control *control)
{
	return (struct gather_from){.engine = control->engine,
	                            .uplinks = &control->uplinks,
	                            .peers = control->peers.at,
	                            .peer_count = control->peers.count,
	                            .public_key = control->identity->public_key,
	                            .interface = control->interface,
	                            .started_ns = control->started_ns};
}

static void on_question(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct control *control = caa_container_of(source, struct control, questions);
	const struct gather_from from = control_gather_from(control);

	(void)events;
	front_take_question(control->front);
	gather_begin(&control->gathering, &from, now_ns);
}

static void on_gathered(void *arg, struct facts *facts)
{
	struct control *control = arg;

	front_answer(control->front, facts);
}

static void tell_tun(struct control *control, uint64_t now_ns)
{
	int error = engine_take_tun_read_error(control->engine);
	uint64_t suppressed;

	if (error && log_limit_pass(&control->tun_limit, now_ns, &suppressed))
		log_warning("interface=%s: reads of the TUN device fail, %s; trying on, they are "
		            "counted as tun_read",
		            control->interface, strerror(error));
	if (engine_take_refused_joined(control->engine))
		log_warning("interface=%s: the TUN device refuses joined packets, they pass one by "
		            "one now",
		            control->interface);
}

static unsigned sample_peer(void *arg, size_t i, uint64_t now_ns)
{
	struct control *control = arg;
	struct peer *peer = control->peers.at[i];

	peer_sample_rates(peer, now_ns);
	peer_tell_trains(peer, now_ns);
	peer_tell_sharing(peer, now_ns);
	return 1;
}

static void end_sample(void *arg, uint64_t now_ns)
{
	struct control *control = arg;

	(void)now_ns;
	deadline_set(&control->loop.deadlines, &control->sample, control->sample_ns + SAMPLE_NS);
}

static const struct walk_calls sampling = {.step = sample_peer, .done = end_sample};

static void on_sample(struct deadline *d, uint64_t now_ns)
{
	struct control *control = caa_container_of(d, struct control, sample);

	uplinks_tell_trains(&control->uplinks);
	surroundings_tell(&control->surroundings, now_ns);
	tell_tun(control, now_ns);
	control->sample_ns = now_ns;
	/* Cannot fail: there is room for it from the start. */
	walk_begin(&control->sampling, control->peers.count, now_ns);
}

void control_restart_walks(void *arg)
{
	struct control *control = arg;
	uint64_t now_ns = control->loop.now_ns;

	if (walk_is_under_way(&control->sampling))
		walk_begin(&control->sampling, control->peers.count, now_ns);
	if (walk_is_under_way(&control->gathering.walk)) {
		const struct gather_from from = control_gather_from(control);

		gather_restart(&control->gathering, &from, now_ns);
	}
}

/* Says goodbye; again is allowed. */
static void end_peers(struct control *control)
{
	walk_stop(&control->sampling);
	gather_stop(&control->gathering);
	changes_end(&control->changes);
}

int control_run(struct control *control)
{
	while (!control->is_stopping) {
		int err = loop_turn(&control->loop);

		if (!err)
			continue;
		log_error("interface=%s: the system refuses to wait for events, %s; stopping",
		          control->interface, strerror(-err));
		control->has_failed = true;
		break;
	}
	signals_end_at_once();
	end_peers(control);
	return control->has_failed ? -EIO : 0;
}

/* ---- start ---- */

static struct peer *find_peer(void *arg, const uint8_t key[static KEY_LEN])
{
	const struct control *control = arg;

	return peers_find(&control->peers, key);
}

static void network_changed(void *peers, uint64_t now_ns)
{
	surroundings_place_again(peers, now_ns);
}

void control_make_effects(struct control *control)
{
	const struct real_parts parts = {.engine = control->engine,
	                                 .deadlines = &control->loop.deadlines,
	                                 .uplinks = &control->uplinks,
	                                 .resolver = &control->resolver,
	                                 .detours = &control->surroundings.detours,
	                                 .has_new_targets = &control->surroundings.has_new_targets,
	                                 .network_changed = network_changed,
	                                 .arg = &control->peers};

	real_effects_init(&control->effects, &parts);
	control->fx = &control->effects.fx;
}

void control_make_links(struct control *control)
{
	control->links = (struct links){.uplinks = &control->uplinks,
	                                .engine = control->engine,
	                                .doors = control->gate ? gate_doors(control->gate) : NULL,
	                                .loop = &control->loop,
	                                .peers = &control->peers};
	links_init(&control->links);
}

void control_make_changes(struct control *control)
{
	struct changes *changes = &control->changes;

	*changes = (struct changes){.engine = control->engine,
	                            .loop = &control->loop,
	                            .links = &control->links,
	                            .peers = &control->peers,
	                            .shared = {.fx = control->fx,
	                                       .uplinks = &control->uplinks,
	                                       .engine = control->engine,
	                                       .identity = control->identity,
	                                       .boot_id = control->boot_id,
	                                       .stamps = &control->stamps},
	                            .around = &control->surroundings,
	                            .peers_changed = control_restart_walks,
	                            .arg = control,
	                            .running = changes->running};
}

static int create_engine(struct control *control, const struct desired *config, unsigned workers,
                         const struct tun *tun)
{
	struct engine_settings set;
	int r = engine_plan(config, workers, tun, &set);

	if (r)
		return r;
	r = engine_create(&set, &control->engine);
	control_make_effects(control);
	if (!r)
		log_info("interface=%s: %u crypto worker%s with %s, %u TUN queue%s",
		         control->interface, set.workers, set.workers == 1 ? "" : "s",
		         cipher_library_name(set.cipher), tun->queues, tun->queues == 1 ? "" : "s");
	return r;
}

static int create_identity(struct control *control, const struct desired *config)
{
	control->identity = secret_alloc(sizeof *control->identity);
	if (!control->identity)
		return -ENOMEM;
	noise_identity_init(control->identity, config->private_key);
	random_bytes(control->boot_id, sizeof control->boot_id);
	if (!secret_locked())
		log_warning("memory for keys could not be locked and may reach swap: raise the "
		            "limit on locked memory (RLIMIT_MEMLOCK)");
	return 0;
}

static int create_gate(struct control *control)
{
	int r = gate_create(control->engine, control->identity, &control->gate);

	if (r)
		return r;
	messages_init(&control->messages, control->fx, find_peer, control);
	return admission_init(&control->admission, &control->loop, control->gate,
	                      &control->messages);
}

static int start_front(struct control *control, const struct desired *config)
{
	int r = front_open(config->run_dir, control->interface, &control->front);

	if (r || !control->front)
		return r;
	control->questions = (struct event_source){front_question_fd(control->front), on_question};
	r = loop_watch(&control->loop, &control->questions, EPOLLIN);
	return r ? r : front_start(control->front);
}

static int create_surroundings(struct control *control, const struct desired *config)
{
	const struct surroundings_parts parts = {.interface = control->interface,
	                                         .engine = control->engine,
	                                         .loop = &control->loop,
	                                         .uplinks = &control->uplinks,
	                                         .peers = &control->peers};

	return surroundings_init(&control->surroundings, &parts, config);
}

static int watch_all(struct control *control, int signal_fd)
{
	int r;

	control->signals = (struct event_source){signal_fd, on_signal};
	control->notices = (struct notices){
		.engine = control->engine, .tun_gone = on_tun_gone, .arg = control};
	control->answers = (struct event_source){resolve_fd(control->resolver), on_answer};
	r = loop_watch(&control->loop, &control->signals, EPOLLIN);
	if (!r)
		r = notices_init(&control->notices, &control->loop);
	return r ? r : loop_watch(&control->loop, &control->answers, EPOLLIN);
}

/* The steps after memory and descriptors are there; @ret_what names the one that failed. */
static int start(struct control *control, const struct desired *config, unsigned workers,
                 const struct tun *tun, int signal_fd, const char **ret_what)
{
	int r;

	*ret_what = "keys";
	r = create_identity(control, config);
	if (r)
		return r;
	*ret_what = "packet memory";
	r = create_engine(control, config, workers, tun);
	if (r)
		return r;
	*ret_what = "the gate";
	r = create_gate(control);
	if (r)
		return r;
	control_make_links(control);
	control_make_changes(control);
	*ret_what = "peers";
	r = changes_begin(&control->changes);
	if (r)
		return r;
	*ret_what = "the watch on network interfaces";
	r = create_surroundings(control, config);
	if (r)
		return r;
	*ret_what = "the resolver";
	r = resolve_create(&control->resolver);
	if (!r)
		r = watch_all(control, signal_fd);
	if (r)
		return r;
	*ret_what = "the control socket";
	r = start_front(control, config);
	if (r)
		return r;
	*ret_what = "the links";
	r = links_open(&control->links, control->loop.now_ns);
	if (r)
		return r;
	*ret_what = "threads";
	r = engine_start(control->engine);
	return r ? r : gate_start(control->gate);
}

int control_create(struct desired *config, unsigned workers, const struct tun *tun, int signal_fd,
                   struct control **ret)
{
	struct control *control = calloc(1, sizeof *control);
	const char *what = "memory";
	int r = -ENOMEM;

	if (!control) {
		desired_free(config);
		return r;
	}
	control->changes.running = config;
	control->tun_limit = (struct log_limit){.interval_ns = TUN_INTERVAL_NS, .burst = 1};
	memcpy(control->interface, tun->name, sizeof control->interface);
	walk_init(&control->sampling, &control->loop.deadlines, &sampling, control,
	          SAMPLES_PER_TURN);
	gather_init(&control->gathering, &control->loop.deadlines, on_gathered, control);
	r = loop_init(&control->loop);
	control->started_ns = control->loop.now_ns;
	if (!r)
		r = start(control, config, workers, tun, signal_fd, &what);
	if (r) {
		log_error("interface=%s: cannot start %s, %s", tun->name, what, strerror(-r));
		control_destroy(control);
		return r;
	}
	control->sample.expired = on_sample;
	deadline_set(&control->loop.deadlines, &control->sample, control->loop.now_ns + SAMPLE_NS);
	for (size_t i = 0; i < control->peers.count; i++)
		peer_service(control->peers.at[i], control->loop.now_ns);
	*ret = control;
	return 0;
}

void control_destroy(struct control *control)
{
	if (!control)
		return;
	surroundings_fini(&control->surroundings);
	end_peers(control);
	front_destroy(control->front);
	gate_destroy(control->gate);
	if (control->engine)
		engine_stop(control->engine);
	resolve_destroy(control->resolver);
	peers_fini(&control->peers);
	stamps_fini(&control->stamps);
	engine_destroy(control->engine);
	secret_free(control->identity);
	loop_fini(&control->loop);
	desired_free(control->changes.running);
	free(control);
}
