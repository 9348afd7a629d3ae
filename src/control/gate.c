/* SPDX-License-Identifier: MIT */
/* Shut, the thread looks away from the doors and from what came among data:
 *
 *   OPEN --- budget used up ---> SHUT, until a deadline -----\
 *    |  \--- no room for visitors --> SHUT, until there is ---+--> OPEN
 *
 *   [I] set before the thread starts   [G] this thread   [C] control   [A] any, atomic
 */
#include "control/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "control/budget.h"
#include "control/loop.h"
#include "control/strangers.h"
#include "crypto/secret.h"
#include "dataplane/engine.h"
#include "dataplane/handshake_reader.h"

/* Messages taken from one link before the others have their turn. So many in a row without finding
 * the socket empty mean load (whitepaper 5.3).
 */
#define HANDSHAKES_PER_TURN 64u

/* How many of them between two looks at what they cost: as many as are worth the system call. */
#define HANDSHAKES_PER_LOOK 8u

#define LINES         10u /* at once, that strangers can cause; then one per ... */
#define LINE_INTERVAL NS_PER_S

struct gate {
	struct engine *engine;    /* [I] */
	struct doors doors;       /* see doors.h: this thread reads */
	struct visitors visitors; /* see visitors.h: this thread lets in, control takes out */
	struct thread thread;     /* [C] */
	struct loop loop;         /* [G] */
	struct event_source sockets, among_data, room, pokes; /* [G] */
	struct bell poke;                                     /* [A] something below changed */

	_Atomic(struct noise_identity *)
		fresh;               /* [A] a new static key; whoever takes it out owns it */
	_Atomic uint64_t charged_ns; /* [A] what visitors cost since it was looked at */
	_Atomic bool is_stopping;    /* [A] */
	counter_t shuts;             /* [G] others read */

	struct noise_identity *identity; /* [G] secret memory */
	struct strangers strangers;      /* [G] */
	struct budget budget;            /* [G] */
	uint64_t cpu_ns;                 /* [G] the thread's when it was charged last */
	unsigned looked;                 /* [G] messages since */
	bool is_shut;                    /* [G] */
	struct deadline reopen;          /* [G] set while shut for want of budget */
	struct deadline forget;          /* [G] set while there is a table of sources */
	unsigned in_row[LINK_PAIRS_MAX]; /* [G] messages since the link's socket was empty */
	struct log_limit log_limit;      /* [G] */
};

/* ---- open and shut ---- */

static void look(struct gate *gate, uint32_t events)
{
	/* Cannot fail: they are in the set. */
	loop_watch_again(&gate->loop, &gate->sockets, events);
	loop_watch_again(&gate->loop, &gate->among_data, events);
}

static void shut(struct gate *gate)
{
	gate->is_shut = true;
	look(gate, 0);
}

static void open_up(struct gate *gate)
{
	if (!gate->is_shut)
		return;
	gate->is_shut = false;
	look(gate, EPOLLIN);
	/* For those among data that were left, of which nobody tells a second time. */
	engine_wake_handshakes(gate->engine);
}

static void set_loaded(struct gate *gate, const char *link, uint64_t now_ns)
{
	uint64_t suppressed;

	if (!strangers_set_loaded(&gate->strangers, now_ns) ||
	    !log_limit_pass(&gate->log_limit, now_ns, &suppressed))
		return;
	if (link)
		log_warning("link=%s: many handshake messages, asking senders for cookies", link);
	else
		log_warning("handshake messages take more than %u %% of a processor: most are left "
		            "unread, and senders are asked for cookies",
		            BUDGET_PERCENT);
}

/* All that this thread does it does for strangers. */
static void charge(struct gate *gate, uint64_t now_ns)
{
	uint64_t cpu_ns = clock_thread_cpu_ns();
	uint64_t others_ns = atomic_exchange_explicit(&gate->charged_ns, 0, memory_order_relaxed);

	budget_charge(&gate->budget, cpu_ns - gate->cpu_ns + others_ns, now_ns);
	gate->cpu_ns = cpu_ns;
	gate->looked = 0;
}

/* Whether another message may be taken. Shuts the gate if not. */
static bool may_go_on(struct gate *gate, uint64_t now_ns)
{
	if (gate->is_shut)
		return false;
	if (!budget_has(&gate->budget, now_ns)) {
		/* Cannot fail: there is room for it from the start. */
		deadline_set(&gate->loop.deadlines, &gate->reopen,
		             budget_back_ns(&gate->budget, now_ns));
		counter_add(&gate->shuts, 1);
		shut(gate);
		set_loaded(gate, NULL, now_ns);
		return false;
	}
	if (!visitors_room(&gate->visitors)) {
		shut(gate);
		return false;
	}
	return true;
}

static void count_taken(struct gate *gate, uint64_t now_ns)
{
	if (++gate->looked >= HANDSHAKES_PER_LOOK)
		charge(gate, now_ns);
}

static void on_reopen(struct deadline *d, uint64_t now_ns)
{
	(void)now_ns;
	open_up(caa_container_of(d, struct gate, reopen));
}

/* The table of sources, while there is one. */
static void forget(struct gate *gate, uint64_t now_ns)
{
	if (!deadline_is_set(&gate->forget))
		deadline_set(&gate->loop.deadlines, &gate->forget,
		             ratelimit_expire(&gate->strangers.ratelimit, now_ns));
}

static void on_forget(struct deadline *d, uint64_t now_ns)
{
	forget(caa_container_of(d, struct gate, forget), now_ns);
}

static void end_turn(struct gate *gate, uint64_t now_ns)
{
	charge(gate, now_ns);
	forget(gate, now_ns);
	may_go_on(gate, now_ns); /* or it would be called again at once, for nothing */
}

/* ---- one message ---- */

static void refuse(struct gate *gate, const struct route *route, enum stranger_verdict verdict,
                   uint64_t now_ns)
{
	char text[ENDPOINT_TEXT_LEN];
	uint64_t suppressed;

	engine_count_handshake_drop(gate->engine, strangers_drop_reason(verdict));
	if (verdict == STRANGER_UNREADABLE && log_limit_pass(&gate->log_limit, now_ns, &suppressed))
		log_info("link=%s: a forged handshake initiation from %s, dropped (%llu such lines "
		         "held back)",
		         route->link->name, endpoint_format(&route->remote, text),
		         (unsigned long long)suppressed);
}

static void take_message(struct gate *gate, const struct route *route, const uint8_t *msg,
                         size_t len, uint64_t now_ns)
{
	struct visitor *visitor = visitors_room(&gate->visitors);
	struct message_cookie_reply reply;
	enum stranger_verdict verdict;

	if (!visitor) {
		engine_count_handshake_drop(gate->engine, DROP_CONTROL_BUSY);
		return;
	}
	verdict = strangers_take(&gate->strangers, route, msg, len, now_ns, visitor, &reply);
	if (verdict == STRANGER_PASSES) {
		visitors_let_in(&gate->visitors);
		return;
	}
	refuse(gate, route, verdict, now_ns); /* before the answer: who has it can count on it */
	if (verdict == STRANGER_ASKED)
		link_send_handshake(route->link, route, &reply, sizeof reply);
}

static void take_identity(struct gate *gate)
{
	struct noise_identity *fresh =
		atomic_exchange_explicit(&gate->fresh, NULL, memory_order_acquire);

	if (!fresh)
		return;
	strangers_renew(&gate->strangers, fresh);
	secret_free(gate->identity);
	gate->identity = fresh;
}

/* ---- sockets ---- */

/* What came as one train is taken as a whole, and dropped where control is so far behind: honest
 * senders make no trains of handshake messages. Returns how many there were.
 */
static unsigned take_train(struct gate *gate, const struct link_message *m, uint64_t now_ns)
{
	unsigned taken = 0;

	for (unsigned at = 0, len; at < m->len; at += len, taken++) {
		len = link_message_next_len(m, at);
		if (len >= sizeof(uint32_t) && load_le32(m->at + at) == MESSAGE_TRANSPORT)
			engine_receive(gate->engine, &m->route, m->at + at, len);
		else
			take_message(gate, &m->route, m->at + at, len, now_ns);
		count_taken(gate, now_ns);
	}
	return taken ? taken : 1; /* an empty datagram costs too */
}

static void take_from(struct gate *gate, struct link *link, uint64_t now_ns)
{
	unsigned *in_row = &gate->in_row[link->id], taken = 0;
	struct link_message m;

	while (taken < HANDSHAKES_PER_TURN && may_go_on(gate, now_ns)) {
		int r = link_receive_handshakes(link, &m);

		if (r == -EAGAIN) {
			*in_row = 0;
			return;
		}
		unsigned more = r ? 1 : take_train(gate, &m, now_ns);
		taken += more;
		*in_row += more;
	}
	if (*in_row >= HANDSHAKES_PER_TURN)
		set_loaded(gate, link->name, now_ns);
}

static void on_sockets(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct gate *gate = caa_container_of(source, struct gate, sockets);
	struct link *ready[DOORS_READY_MAX];
	unsigned n = doors_ready(&gate->doors, ready);

	(void)events;
	take_identity(gate);
	for (unsigned i = 0; i < n; i++)
		take_from(gate, ready[i], now_ns);
	end_turn(gate, now_ns);
}

/* At most as many as the engine lets wait, and those that come meanwhile. */
static void on_among_data(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct gate *gate = caa_container_of(source, struct gate, among_data);
	struct batch *b;

	(void)events;
	take_identity(gate);
	engine_handshakes_begin(gate->engine);
	while (may_go_on(gate, now_ns) && (b = engine_take_handshake(gate->engine))) {
		take_message(gate, &b->route, segment_header(b, &b->segment[0]), b->segment[0].len,
		             now_ns);
		batch_free(b);
		count_taken(gate, now_ns);
	}
	end_turn(gate, now_ns);
}

/* ---- what control tells ---- */

static void on_poke(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct gate *gate = caa_container_of(source, struct gate, pokes);

	(void)events, (void)now_ns;
	bell_heard(&gate->poke);
	take_identity(gate);
}

static void on_room(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct gate *gate = caa_container_of(source, struct gate, room);

	(void)events, (void)now_ns;
	bell_heard(&gate->visitors.has_room);
	if (!deadline_is_set(&gate->reopen))
		open_up(gate);
}

/* ---- the thread ---- */

static void run(void *arg)
{
	struct gate *gate = arg;

	gate->cpu_ns = clock_thread_cpu_ns();
	while (!atomic_load_explicit(&gate->is_stopping, memory_order_acquire)) {
		int err = loop_turn(&gate->loop);

		if (!err)
			continue;
		log_error("the system refuses to wait for handshake messages, %s; none is answered "
		          "any more",
		          strerror(-err));
		break;
	}
}

static int watch_all(struct gate *gate)
{
	int r;

	gate->sockets = (struct event_source){gate->doors.fd, on_sockets};
	gate->among_data = (struct event_source){engine_handshake_fd(gate->engine), on_among_data};
	gate->room = (struct event_source){gate->visitors.has_room.fd, on_room};
	gate->pokes = (struct event_source){gate->poke.fd, on_poke};
	r = loop_watch(&gate->loop, &gate->sockets, EPOLLIN);
	if (!r)
		r = loop_watch(&gate->loop, &gate->among_data, EPOLLIN);
	if (!r)
		r = loop_watch(&gate->loop, &gate->room, EPOLLIN);
	if (!r)
		r = loop_watch(&gate->loop, &gate->pokes, EPOLLIN);
	return r ? r : deadline_reserve(&gate->loop.deadlines, 2);
}

static int init(struct gate *gate, const struct noise_identity *identity)
{
	int loop_err = loop_init(&gate->loop); /* in any case: it will be ended */
	int r = visitors_init(&gate->visitors);

	if (!r)
		r = loop_err;
	if (!r)
		r = bell_init(&gate->poke);
	if (!r)
		r = doors_init(&gate->doors);
	if (!r)
		r = gate_renew(gate, identity);
	if (r)
		return r;
	gate->identity = atomic_exchange(&gate->fresh, NULL);
	strangers_init(&gate->strangers, gate->identity, engine_index(gate->engine));
	return watch_all(gate);
}

int gate_create(struct engine *engine, const struct noise_identity *identity, struct gate **ret)
{
	struct gate *gate = aligned_alloc(_Alignof(struct gate), sizeof *gate);

	if (!gate)
		return -ENOMEM;
	*gate = (struct gate){.engine = engine,
	                      .doors.fd = -1,
	                      .poke.fd = -1,
	                      .reopen.expired = on_reopen,
	                      .forget.expired = on_forget,
	                      .log_limit = {.interval_ns = LINE_INTERVAL, .burst = LINES}};
	int r = init(gate, identity);
	if (r) {
		gate_destroy(gate);
		return r;
	}
	*ret = gate;
	return 0;
}

/* Anywhere: what is configured are the processors of those who carry packets and of control, which
 * this thread is there to keep free.
 */
int gate_start(struct gate *gate)
{
	return thread_start(&gate->thread, "vt-gate", THREAD_GATE, -1, run, gate);
}

int gate_renew(struct gate *gate, const struct noise_identity *identity)
{
	struct noise_identity *fresh = secret_alloc(sizeof *fresh);

	if (!fresh)
		return -ENOMEM;
	*fresh = *identity;
	/* Release pairs with the acquire in take_identity(). One that was not taken is ours again.
	 */
	secret_free(atomic_exchange_explicit(&gate->fresh, fresh, memory_order_acq_rel));
	bell_ring(&gate->poke);
	return 0;
}

/* ---- control's side ---- */

struct doors *gate_doors(struct gate *gate)
{
	return &gate->doors;
}

struct visitors *gate_visitors(struct gate *gate)
{
	return &gate->visitors;
}

void gate_charge(struct gate *gate, uint64_t cpu_ns)
{
	atomic_fetch_add_explicit(&gate->charged_ns, cpu_ns, memory_order_relaxed);
}

uint64_t gate_shut_count(const struct gate *gate)
{
	return counter_read(&gate->shuts);
}

void gate_destroy(struct gate *gate)
{
	if (!gate)
		return;
	atomic_store_explicit(&gate->is_stopping, true, memory_order_release);
	if (gate->thread.running)
		bell_ring(&gate->poke);
	thread_join(&gate->thread);
	strangers_fini(&gate->strangers);
	secret_free(gate->identity);
	secret_free(atomic_load(&gate->fresh));
	visitors_fini(&gate->visitors);
	loop_fini(&gate->loop);
	bell_fini(&gate->poke);
	doors_fini(&gate->doors);
	free(gate);
}
