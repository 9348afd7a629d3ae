/* SPDX-License-Identifier: MIT */
/* The thread as it runs; the test is control, and its clients. */
#include "control/front.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../local_socket.h"
#include "base/rcu.h"
#include "config/desired.h"
#include "control/ctl_socket.h"
#include "control/facts.h"

#define STATUS_REQUEST "{\"request\":\"status\"}\n"
#define PATIENCE_MS    10000

static struct front *front;
static char directory[] = "/tmp/test-front-XXXXXX";
static char path[96];

static void start(void)
{
	rcu_register_thread();
	rcu_thread_offline(); /* it sleeps in poll() */
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(path, sizeof path, "%s/vt-test.sock", directory);
	cr_assert(eq(int, front_create(directory, "vt-test", &front), 0));
	cr_assert(eq(int, front_start(front), 0));
}

static void stop(void)
{
	front_destroy(front);
	cr_expect(eq(int, access(path, F_OK), -1));
	rmdir(directory);
	rcu_thread_online();
	rcu_unregister_thread();
}

TestSuite(front, .init = start, .fini = stop);

static bool is_readable(int fd, int wait_ms)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, wait_ms) == 1;
}

static int client(const char *line)
{
	struct sockaddr_un addr = local_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(eq(int, connect(fd, (struct sockaddr *)&addr, sizeof addr), 0));
	cr_assert(eq(sz, (size_t)send(fd, line, strlen(line), MSG_NOSIGNAL), strlen(line)));
	return fd;
}

/* The reply, whole; the caller's reference. */
static json_t *hear(int fd)
{
	size_t len = 0, room = 64 << 20;
	char *text = malloc(room);
	ssize_t n;

	do {
		cr_assert(is_readable(fd, PATIENCE_MS), "no end after %zu bytes", len);
		n = recv(fd, text + len, room - len, 0);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	cr_assert(lt(sz, 0, len));
	cr_assert(eq(chr, text[len - 1], '\n'));
	json_t *reply = json_loadb(text, len, 0, NULL);
	cr_assert(ne(ptr, reply, NULL), "%.*s", len < 200 ? (int)len : 200, text);
	free(text);
	close(fd);
	return reply;
}

/* The mtu in the reply, by which the test knows its facts again. */
static long hear_mtu(int fd)
{
	json_t *reply = hear(fd);
	long mtu = json_integer_value(json_object_get(json_object_get(reply, "status"), "mtu"));

	cr_assert(eq(int, json_is_true(json_object_get(reply, "ok")), 1));
	json_decref(reply);
	return mtu;
}

static void await_question(void)
{
	cr_assert(is_readable(front_question_fd(front), PATIENCE_MS));
	front_take_question(front);
	cr_assert(not(is_readable(front_question_fd(front), 0)));
}

static struct facts *facts_of_mtu(int64_t mtu)
{
	struct facts *facts = facts_create();

	facts->mtu = mtu;
	return facts;
}

Test(front, who_asks_gets_what_control_hands_over)
{
	int fd = client(STATUS_REQUEST);

	await_question();
	cr_assert(not(is_readable(fd, 0)));
	front_answer(front, facts_of_mtu(1234));
	cr_assert(eq(long, hear_mtu(fd), 1234));
}

Test(front, control_is_not_asked_for_what_is_refused)
{
	json_t *reply = hear(client("{\"request\":\"colour\"}\n"));
	const char *error = json_string_value(json_object_get(reply, "error"));

	cr_assert(eq(int, json_is_false(json_object_get(reply, "ok")), 1));
	cr_assert(eq(str, (char *)error, (char *)"unknown request \"colour\""));
	cr_assert(not(is_readable(front_question_fd(front), 0)));
	json_decref(reply);
}

Test(front, without_memory_it_says_so)
{
	int fd = client(STATUS_REQUEST);

	await_question();
	front_answer(front, NULL);
	json_t *reply = hear(fd);
	const char *error = json_string_value(json_object_get(reply, "error"));
	cr_assert(eq(str, (char *)error, (char *)"no memory for the answer"));
	json_decref(reply);
	fd = client(STATUS_REQUEST);
	await_question();
	front_answer(front, facts_of_mtu(1));
	cr_assert(eq(long, hear_mtu(fd), 1), "the next one is as good as ever");
}

/* Facts that were gathered before somebody asked are not what he asked for. */
Test(front, who_asks_meanwhile_waits_for_the_next_answer)
{
	int early = client(STATUS_REQUEST);

	await_question();
	int late = client(STATUS_REQUEST), later = client(STATUS_REQUEST);
	/* It has heard them when it has answered one who asked after them. */
	json_decref(hear(client("{}\n")));
	cr_assert(not(is_readable(front_question_fd(front), 0)), "two questions at a time");
	front_answer(front, facts_of_mtu(1));
	cr_assert(eq(long, hear_mtu(early), 1));
	await_question();
	front_answer(front, facts_of_mtu(2));
	cr_assert(eq(long, hear_mtu(late), 2));
	cr_assert(eq(long, hear_mtu(later), 2));
	cr_assert(not(is_readable(front_question_fd(front), 0)), "one question serves both");
}

Test(front, who_has_left_needs_no_answer)
{
	int gone = client(STATUS_REQUEST);

	await_question();
	close(gone);
	int fd = client(STATUS_REQUEST);
	json_decref(hear(client("{}\n")));
	front_answer(front, facts_of_mtu(1));
	await_question();
	front_answer(front, facts_of_mtu(2));
	cr_assert(eq(long, hear_mtu(fd), 2));
}

static struct facts *facts_of_many_peers(unsigned peers)
{
	struct facts *facts = facts_create();

	for (unsigned i = 0; i < peers; i++) {
		struct facts_peer *peer = facts_add_peer(facts);

		for (unsigned k = 0; k < 4; k++)
			facts_add_path(peer)->id = k;
	}
	return facts;
}

Test(front, many_peers_come_whole_also_to_who_reads_slowly)
{
	int slow = client(STATUS_REQUEST);

	await_question();
	front_answer(front, facts_of_many_peers(4096));
	/* As much as fits the buffers waits there, and others are served. */
	int fd = client(STATUS_REQUEST);
	await_question();
	front_answer(front, facts_of_mtu(3));
	cr_assert(eq(long, hear_mtu(fd), 3));
	json_t *reply = hear(slow);
	json_t *status = json_object_get(reply, "status");
	cr_assert(eq(sz, json_array_size(json_object_get(status, "peers")), 4096));
	json_decref(reply);
}

static bool is_closed(int fd)
{
	char byte;

	return is_readable(fd, PATIENCE_MS) && recv(fd, &byte, 1, 0) <= 0;
}

Test(front, its_end_lets_go_of_everybody)
{
	int silent = client("{"), waiting = client(STATUS_REQUEST);

	await_question();
	front_answer(front, facts_of_many_peers(10)); /* perhaps not taken any more */
	front_destroy(front);
	front = NULL;
	cr_assert(is_closed(silent));
	while (is_readable(waiting, PATIENCE_MS) && recv(waiting, (char[4096]){0}, 4096, 0) > 0)
		;
	cr_assert(is_closed(waiting));
	cr_assert(eq(int, access(path, F_OK), -1));
}

Test(front, one_that_never_ran_ends_too)
{
	struct front *other;

	cr_assert(eq(int, front_create(directory, "vt-other", &other), 0));
	front_destroy(other);
	front_destroy(NULL);
	cr_assert(eq(int, front_create(directory, "vt-test", &other), -EADDRINUSE));
	cr_assert(eq(int, front_create("/proc/no-such/directory", "vt0", &other), -ENOENT));
}

/* ---- in the run directory of a configuration ---- */

Test(front, directory_that_somebody_named_must_be_usable)
{
	struct front *another = front;
	char below_a_file[128];

	cr_expect(eq(int, front_open(directory, "vt-test", &another), -EADDRINUSE));
	cr_expect(eq(ptr, another, NULL));
	snprintf(below_a_file, sizeof below_a_file, "%s/below", path);
	cr_expect(lt(int, front_open(below_a_file, "vt-test", &another), 0));
	cr_expect(eq(ptr, another, NULL));
	cr_expect(eq(int, front_open(directory, "vt-other", &another), 0));
	cr_assert(ne(ptr, another, NULL));
	front_destroy(another);
}

Test(front, none_is_wanted)
{
	struct front *another = front;

	cr_expect(eq(int, front_open(CONFIG_RUN_DIR_NONE, "vt-test", &another), 0));
	cr_expect(eq(ptr, another, NULL));
}
