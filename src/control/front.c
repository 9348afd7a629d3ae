/* SPDX-License-Identifier: MIT */
/* A client that asked for the status:
 *
 *	on_asked() --> NEXT --ask()--> NOW --on_answer()--> PRINTING --> gone
 *	                                \--no memory--> REFUSED ----/
 *
 * NEXT waits for a question that is still to be asked, NOW for the answer to the one under way.
 *
 *   [I] set before the thread starts   [F] this thread   [C] control   [A] any, atomic
 */
#include "control/front.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "config/desired.h"
#include "control/ctl_request.h"
#include "control/ctl_socket.h"
#include "control/facts.h"
#include "control/status.h"
#include "vtrunkd/ctl.h"

enum asker_state {
	ASKER_NONE,
	ASKER_NEXT,
	ASKER_NOW,
	ASKER_PRINTING,
	ASKER_REFUSED,
};

struct asker {
	enum asker_state state;
	struct facts *facts; /* a reader of these while PRINTING */
	struct status_printer printer;
	bool has_begun;           /* printing */
	struct json_text refusal; /* of REFUSED */
};

struct front {
	char interface[16];     /* [I] for the log */
	int question_fd;        /* [I] eventfd: facts are wanted */
	int answer_fd;          /* [I] eventfd: they are there, or it is time to end */
	struct ctl_socket *ctl; /* [F] */
	struct loop loop;       /* [F] */
	struct thread thread;   /* [C] */

	struct event_source answers;           /* [F] */
	struct asker asker[CTL_CLIENTS_MAX];   /* [F] */
	bool is_asking;                        /* [F] a question is under way */
	struct facts *answer;                  /* written by [C] before is_answered, then [F] */
	_Atomic bool is_answered, is_stopping; /* [A] release by control, acquire here */
};

/* ---- asking ---- */

/* Nobody is asked twice at a time. */
static void ask(struct front *front)
{
	bool is_wanted = false;

	if (front->is_asking)
		return;
	for (unsigned i = 0; i < CTL_CLIENTS_MAX; i++) {
		if (front->asker[i].state != ASKER_NEXT)
			continue;
		front->asker[i].state = ASKER_NOW;
		is_wanted = true;
	}
	if (!is_wanted)
		return;
	front->is_asking = true;
	eventfd_write(front->question_fd, 1);
}

/* ---- what the socket tells ---- */

static void on_asked(void *arg, unsigned client, const char *line, size_t len)
{
	struct front *front = arg;
	struct asker *asker = &front->asker[client];

	if (ctl_request_read(line, len, &asker->refusal) == CTL_STATUS) {
		asker->state = ASKER_NEXT;
		ask(front);
		return;
	}
	asker->state = ASKER_REFUSED;
	ctl_socket_answer(front->ctl, client);
}

static bool print_more(struct asker *asker, struct json_text *out)
{
	if (!asker->has_begun)
		json_text_raw(out, "{\"ok\":true,\"status\":");
	asker->has_begun = true;
	if (status_print_more(&asker->printer, out, CTL_PIECE_BYTES))
		return true;
	json_text_raw(out, "}\n");
	return false;
}

static bool on_more(void *arg, unsigned client, struct json_text *out)
{
	struct front *front = arg;
	struct asker *asker = &front->asker[client];

	if (asker->state == ASKER_PRINTING)
		return print_more(asker, out);
	json_text_move(out, &asker->refusal);
	return false;
}

/* The last reader frees. */
static void let_go(struct facts *facts)
{
	if (facts && --facts->readers == 0)
		facts_free(facts);
}

static void on_gone(void *arg, unsigned client)
{
	struct front *front = arg;
	struct asker *asker = &front->asker[client];

	let_go(asker->facts);
	json_text_fini(&asker->refusal);
	*asker = (struct asker){.state = ASKER_NONE};
}

static const struct ctl_calls calls = {.asked = on_asked, .more = on_more, .gone = on_gone};

/* ---- what control answers ---- */

static void begin_answer(struct front *front, unsigned client, struct facts *facts)
{
	struct asker *asker = &front->asker[client];

	asker->state = facts ? ASKER_PRINTING : ASKER_REFUSED;
	if (facts) {
		asker->facts = facts;
		facts->readers++;
		status_begin(&asker->printer, facts);
	} else {
		ctl_refuse(&asker->refusal, "no memory for the answer");
	}
	ctl_socket_answer(front->ctl, client);
}

static void on_answer(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct front *front = caa_container_of(source, struct front, answers);
	struct facts *facts;
	eventfd_t count;

	(void)events, (void)now_ns;
	eventfd_read(source->fd, &count);
	if (!atomic_load_explicit(&front->is_answered, memory_order_acquire))
		return;
	facts = front->answer;
	front->answer = NULL;
	atomic_store_explicit(&front->is_answered, false, memory_order_relaxed);
	front->is_asking = false;
	if (facts)
		facts->readers = 1; /* us, until everybody has begun */
	for (unsigned i = 0; i < CTL_CLIENTS_MAX; i++) {
		if (front->asker[i].state == ASKER_NOW)
			begin_answer(front, i, facts);
	}
	let_go(facts);
	ask(front);
}

/* ---- the thread ---- */

static void run(void *arg)
{
	struct front *front = arg;

	while (!atomic_load_explicit(&front->is_stopping, memory_order_acquire)) {
		int err = loop_turn(&front->loop);

		if (!err)
			continue;
		log_error("interface=%s: the system refuses to wait for events of the control "
		          "socket, %s; nobody is answered there any more",
		          front->interface, strerror(-err));
		break;
	}
}

int front_create(const char *directory, const char *interface, struct front **ret)
{
	struct front *front = calloc(1, sizeof *front);

	if (!front)
		return -ENOMEM;
	snprintf(front->interface, sizeof front->interface, "%s", interface);
	front->question_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	front->answer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int err = front->question_fd < 0 || front->answer_fd < 0 ? -errno : 0;
	int loop_err = loop_init(&front->loop); /* in any case: it will be ended */
	front->answers = (struct event_source){front->answer_fd, on_answer};
	if (!err)
		err = loop_err;
	if (!err)
		err = loop_watch(&front->loop, &front->answers, EPOLLIN);
	if (!err)
		err = ctl_socket_create(&front->loop, directory, interface, &calls, front,
		                        &front->ctl);
	if (err) {
		front_destroy(front);
		return err;
	}
	*ret = front;
	return 0;
}

static void tell_taken(const char *interface, const char *directory, bool is_final)
{
	log_write(is_final ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
	          "interface=%s: %s%s/%s" CTL_SUFFIX " belongs to a daemon that runs, perhaps in "
	          "another network namespace, or is no socket; give this one a run directory of "
	          "its own: --run-dir or control.run_dir",
	          interface, is_final ? "" : "no control socket, ", directory, interface);
}

/* A daemon that cannot be asked is a tunnel all the same, so the default directory may fail: /run
 * may be read-only, or not ours, or a daemon in another network namespace has the name. One that
 * somebody named may not.
 */
int front_open(const char *wanted, const char *interface, struct front **ret)
{
	const char *directory = wanted ? wanted : CTL_DIRECTORY;

	*ret = NULL;
	if (!strcmp(directory, CONFIG_RUN_DIR_NONE)) {
		log_info("interface=%s: no control socket, as configured", interface);
		return 0;
	}
	int err = front_create(directory, interface, ret);
	if (err == -EADDRINUSE) {
		tell_taken(interface, directory, wanted);
		err = wanted ? err : 0;
	} else if (err && wanted) {
		log_error("interface=%s: the run directory %s cannot be used, %s; its parent must "
		          "be there",
		          interface, directory, strerror(-err));
	} else if (err) {
		log_warning("interface=%s: no control socket, status cannot ask this daemon: %s "
		            "cannot be used, %s; --run-dir or control.run_dir names another "
		            "directory",
		            interface, directory, strerror(-err));
		return 0;
	}
	return err;
}

/* Anywhere: what is configured are the processors of those who carry packets and of control, which
 * this thread is there to keep free.
 */
int front_start(struct front *front)
{
	return thread_start(&front->thread, "vt-front", THREAD_FRONT, -1, run, front);
}

int front_question_fd(const struct front *front)
{
	return front->question_fd;
}

void front_take_question(struct front *front)
{
	eventfd_t count;

	eventfd_read(front->question_fd, &count);
}

void front_answer(struct front *front, struct facts *facts)
{
	front->answer = facts;
	atomic_store_explicit(&front->is_answered, true, memory_order_release);
	eventfd_write(front->answer_fd, 1);
}

void front_destroy(struct front *front)
{
	if (!front)
		return;
	atomic_store_explicit(&front->is_stopping, true, memory_order_release);
	if (front->answer_fd >= 0)
		eventfd_write(front->answer_fd, 1);
	thread_join(&front->thread);
	ctl_socket_destroy(front->ctl);
	facts_free(front->answer);
	loop_fini(&front->loop);
	if (front->question_fd >= 0)
		close(front->question_fd);
	if (front->answer_fd >= 0)
		close(front->answer_fd);
	free(front);
}
