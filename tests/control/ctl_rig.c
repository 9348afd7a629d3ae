/* SPDX-License-Identifier: MIT */
#include "ctl_rig.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "../local_socket.h"

struct ctl_rig ctl;

static void on_asked(void *arg, unsigned client, const char *line, size_t len)
{
	cr_assert(eq(ptr, arg, &ctl.service));
	cr_assert(not(ctl.service.client[client].is_there));
	ctl.service.asked++;
	ctl.service.client[client].is_there = true;
	ctl.service.client[client].has_begun = false;
	ctl.service.client[client].is_refused = !line;
	ctl.service.client[client].left = ctl.service.reply_len;
	if (line) {
		memcpy(ctl.service.line, line, len);
		ctl.service.line[len] = 0;
	}
	if (!ctl.service.is_late)
		ctl_socket_answer(ctl.socket, client);
}

static bool on_more(void *arg, unsigned client, struct json_text *out)
{
	(void)arg;
	cr_assert(ctl.service.client[client].is_there);
	if (ctl.service.client[client].is_refused) {
		json_text_raw(out, "{\"ok\":false,\"error\":\"too long\"}\n");
		return false;
	}
	if (!ctl.service.client[client].has_begun)
		json_text_raw(out, "{\"ok\":true,\"status\":{\"x\":\"");
	ctl.service.client[client].has_begun = true;
	for (; ctl.service.client[client].left && out->len < CTL_PIECE_BYTES;
	     ctl.service.client[client].left--)
		json_text_raw(out, "x");
	if (ctl.service.client[client].left)
		return true;
	json_text_raw(out, "\"}}\n");
	return false;
}

static void on_gone(void *arg, unsigned client)
{
	(void)arg;
	cr_assert(ctl.service.client[client].is_there, "told twice");
	ctl.service.client[client].is_there = false;
	ctl.service.gone++;
}

const struct ctl_calls ctl_calls = {.asked = on_asked, .more = on_more, .gone = on_gone};

void ctl_start(void)
{
	ctl = (struct ctl_rig){.directory = "/tmp/test-ctl-XXXXXX",
	                       .interface = "vt-test",
	                       .now_ns = 7 * NS_PER_S};
	cr_assert(eq(int, loop_init(&ctl.loop), 0));
	cr_assert(ne(ptr, mkdtemp(ctl.directory), NULL));
	snprintf(ctl.run, sizeof ctl.run, "%s/run", ctl.directory);
	snprintf(ctl.path, sizeof ctl.path, "%s/vt-test.sock", ctl.run);
}

void ctl_stop(void)
{
	ctl_socket_destroy(ctl.socket);
	cr_expect(eq(uint, ctl.service.gone, ctl.service.asked));
	loop_fini(&ctl.loop);
	unlink(ctl.path);
	rmdir(ctl.run);
	rmdir(ctl.directory);
}

int ctl_create(void)
{
	return ctl_socket_create(&ctl.loop, ctl.run, ctl.interface, &ctl_calls, &ctl.service,
	                         &ctl.socket);
}

int ctl_turn(void)
{
	struct epoll_event events[32];
	int n = epoll_wait(ctl.loop.epoll_fd, events, 32, 0);

	for (int i = 0; i < n; i++) {
		struct event_source *source = events[i].data.ptr;
		source->ready(source, events[i].events, ctl.now_ns);
	}
	deadline_run(&ctl.loop.deadlines, ctl.now_ns);
	return n;
}

void ctl_turn_until_idle(void)
{
	for (unsigned i = 0; ctl_turn() > 0; i++)
		cr_assert(lt(uint, i, 10000), "the loop never comes to rest");
}

/* ---- clients ---- */

int ctl_client(void)
{
	struct sockaddr_un addr = local_address(ctl.path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	cr_assert(eq(int, connect(fd, (struct sockaddr *)&addr, sizeof addr), 0), "%s",
	          strerror(errno));
	return fd;
}

void ctl_say(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		cr_assert(n > 0 || errno == EAGAIN, "%s", strerror(errno));
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
		ctl_turn();
	}
}

char *ctl_hear(int fd)
{
	static char text[8 << 20];
	size_t len = 0;

	for (unsigned idle = 0; idle < 100;) {
		ssize_t n = recv(fd, text + len, sizeof text - 1 - len, 0);

		if (n == 0) {
			text[len] = 0;
			return text;
		}
		cr_assert(n > 0 || errno == EAGAIN, "%s", strerror(errno));
		if (n > 0)
			len += (size_t)n;
		idle = ctl_turn() > 0 || n > 0 ? 0 : idle + 1;
	}
	cr_fatal("no end after %zu bytes", len);
}

bool ctl_is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK) == 0 || errno == ECONNRESET;
}

const char *ctl_verdict(const char *text)
{
	static char verdict[CTL_REQUEST_MAX];
	const char *newline = strchr(text, '\n');
	json_t *reply = json_loads(text, 0, NULL);
	json_t *ok = json_object_get(reply, "ok");

	cr_assert(newline && !newline[1], "not one line: %.100s", text);
	cr_assert(ne(ptr, ok, NULL), "%.100s", text);
	cr_assert(eq(int, json_is_object(json_object_get(reply, "status")), json_is_true(ok)));
	snprintf(verdict, sizeof verdict, "%s",
	         json_is_true(ok) ? "ok" : json_string_value(json_object_get(reply, "error")));
	json_decref(reply);
	return verdict;
}

const char *ctl_ask(const char *request, size_t len)
{
	int fd = ctl_client();

	ctl_say(fd, request, len);
	const char *result = ctl_verdict(ctl_hear(fd));
	close(fd);
	return result;
}
