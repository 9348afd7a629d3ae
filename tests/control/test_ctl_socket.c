/* SPDX-License-Identifier: MIT */
/* The server in a loop of a few lines, with a clock of its own and clients in the same process. */
#include "control/ctl_socket.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rcu.h"
#include "vtrunkd/ctl.h"

#define STATUS_REQUEST "{\"request\":\"status\"}\n"
#define LONG_REPLY     (4u << 20) /* bytes: several times as long as a socket's buffer */

static struct loop loop;
static struct ctl_socket *ctl;
static char directory[] = "/tmp/test-ctl-XXXXXX";
static char run[64];  /* in it, where the server shall make its socket */
static char path[96]; /* the socket */
static char interface[16] = "vt-test";
static uint64_t now_ns = 7 * NS_PER_S;

/* What stands in for the daemon: it takes any line and answers with as much as it is told to. */
static struct {
	char line[CTL_REQUEST_MAX + 1]; /* of the last one */
	unsigned asked, gone;
	bool is_late;     /* who asks is answered by the test */
	size_t reply_len; /* the next one's */
	struct {
		bool is_there, has_begun, is_refused;
		size_t left;
	} client[CTL_CLIENTS_MAX];
} service;

static void on_asked(void *arg, unsigned client, const char *line, size_t len)
{
	cr_assert(eq(ptr, arg, &service));
	cr_assert(not(service.client[client].is_there));
	service.asked++;
	service.client[client].is_there = true;
	service.client[client].has_begun = false;
	service.client[client].is_refused = !line;
	service.client[client].left = service.reply_len;
	if (line) {
		memcpy(service.line, line, len);
		service.line[len] = 0;
	}
	if (!service.is_late)
		ctl_socket_answer(ctl, client);
}

static bool on_more(void *arg, unsigned client, struct json_text *out)
{
	(void)arg;
	cr_assert(service.client[client].is_there);
	if (service.client[client].is_refused) {
		json_text_raw(out, "{\"ok\":false,\"error\":\"too long\"}\n");
		return false;
	}
	if (!service.client[client].has_begun)
		json_text_raw(out, "{\"ok\":true,\"status\":{\"x\":\"");
	service.client[client].has_begun = true;
	for (; service.client[client].left && out->len < CTL_PIECE_BYTES;
	     service.client[client].left--)
		json_text_raw(out, "x");
	if (service.client[client].left)
		return true;
	json_text_raw(out, "\"}}\n");
	return false;
}

static void on_gone(void *arg, unsigned client)
{
	(void)arg;
	cr_assert(service.client[client].is_there, "told twice");
	service.client[client].is_there = false;
	service.gone++;
}

static const struct ctl_calls calls = {.asked = on_asked, .more = on_more, .gone = on_gone};

static void start(void)
{
	cr_assert(eq(int, loop_init(&loop), 0));
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(run, sizeof run, "%s/run", directory);
	snprintf(path, sizeof path, "%s/vt-test.sock", run);
}

static void stop(void)
{
	ctl_socket_destroy(ctl);
	cr_expect(eq(uint, service.gone, service.asked));
	loop_fini(&loop);
	unlink(path);
	rmdir(run);
	rmdir(directory);
}

TestSuite(ctl_socket, .init = start, .fini = stop);

/* What the loop does, without sleeping. Returns how many events there were. */
static int turn(void)
{
	struct epoll_event events[32];
	int n = epoll_wait(loop.epoll_fd, events, 32, 0);

	for (int i = 0; i < n; i++) {
		struct event_source *source = events[i].data.ptr;
		source->ready(source, events[i].events, now_ns);
	}
	deadline_run(&loop.deadlines, now_ns);
	return n;
}

static void turn_until_idle(void)
{
	for (unsigned i = 0; turn() > 0; i++)
		cr_assert(lt(uint, i, 10000), "the loop never comes to rest");
}

static int create(void)
{
	return ctl_socket_create(&loop, run, interface, &calls, &service, &ctl);
}

static int stream_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static struct sockaddr_un address(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	cr_assert(lt(sz, len, sizeof addr.sun_path));
	memcpy(addr.sun_path, path, len);
	return addr;
}

static int client(void)
{
	struct sockaddr_un addr = address();
	int fd = stream_socket();

	cr_assert(eq(int, connect(fd, (struct sockaddr *)&addr, sizeof addr), 0), "%s",
	          strerror(errno));
	return fd;
}

static void say(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		cr_assert(n > 0 || errno == EAGAIN, "%s", strerror(errno));
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
		turn();
	}
}

/* All that comes until the server closes; valid until the next call. */
static char *hear(int fd)
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
		idle = turn() > 0 || n > 0 ? 0 : idle + 1;
	}
	cr_fatal("no end after %zu bytes", len);
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK) == 0 || errno == ECONNRESET;
}

/* "ok", or the text of the refusal. The reply must be one line of one object. */
static const char *verdict(const char *text)
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

static const char *ask(const char *request, size_t len)
{
	int fd = client();

	say(fd, request, len);
	const char *result = verdict(hear(fd));
	close(fd);
	return result;
}

Test(ctl_socket, a_line_is_asked_and_its_answer_comes)
{
	cr_assert(eq(int, create(), 0));
	cr_assert(eq(str, (char *)ask("colour?\r\nand then", 18), (char *)"ok"));
	cr_assert(eq(str, service.line, (char *)"colour?\r"), "the first line, without its end");
	cr_assert(eq(uint, service.asked, 1));
	cr_assert(eq(uint, service.gone, 1));
	cr_assert(eq(str, (char *)ask("\n", 1), (char *)"ok"), "an empty one is a line, too");
	cr_assert(eq(str, service.line, (char *)""));
}

Test(ctl_socket, answer_may_come_later)
{
	cr_assert(eq(int, create(), 0));
	service.is_late = true;
	int first = client(), second = client();
	say(first, "a\n", 2);
	say(second, "b\n", 2);
	turn_until_idle(); /* and nobody keeps the loop awake meanwhile */
	cr_assert(eq(uint, service.asked, 2));
	ctl_socket_answer(ctl, 1);
	cr_assert(eq(str, (char *)verdict(hear(second)), (char *)"ok"));
	cr_assert(not(is_closed(first)));
	ctl_socket_answer(ctl, 0);
	cr_assert(eq(str, (char *)verdict(hear(first)), (char *)"ok"));
	close(first);
	close(second);
}

Test(ctl_socket, who_leaves_before_the_answer_is_told)
{
	cr_assert(eq(int, create(), 0));
	service.is_late = true;
	int fd = client();
	say(fd, "a\n", 2);
	turn_until_idle();
	cr_assert(eq(uint, service.gone, 0));
	close(fd);
	turn_until_idle();
	cr_assert(eq(uint, service.gone, 1));
	fd = client();
	say(fd, "b\n", 2);
	turn_until_idle();
	now_ns += CTL_CLIENT_NS;
	turn();
	cr_assert(eq(uint, service.gone, 2), "nor does it wait for ever");
	close(fd);
}

Test(ctl_socket, end_of_sending_ends_a_line_too)
{
	cr_assert(eq(int, create(), 0));
	int fd = client();
	say(fd, STATUS_REQUEST, strlen(STATUS_REQUEST) - 1);
	turn_until_idle();
	shutdown(fd, SHUT_WR);
	cr_assert(eq(str, (char *)verdict(hear(fd)), (char *)"ok"));
	close(fd);
	fd = client();
	shutdown(fd, SHUT_WR);
	cr_assert(eq(str, hear(fd), (char *)""));
	close(fd);
}

Test(ctl_socket, line_may_have_the_limit_and_no_byte_more)
{
	char *line = malloc(3 * CTL_REQUEST_MAX);

	cr_assert(eq(int, create(), 0));
	memset(line, ' ', 3 * CTL_REQUEST_MAX);
	memcpy(line, STATUS_REQUEST, strlen(STATUS_REQUEST) - 1);
	line[CTL_REQUEST_MAX - 1] = '\n';
	cr_assert(eq(str, (char *)ask(line, CTL_REQUEST_MAX), (char *)"ok"));
	line[CTL_REQUEST_MAX - 1] = ' ';
	line[CTL_REQUEST_MAX] = '\n';
	cr_assert(eq(str, (char *)ask(line, CTL_REQUEST_MAX + 1), (char *)"too long"));
	line[CTL_REQUEST_MAX] = ' ';
	line[3 * CTL_REQUEST_MAX - 1] = '\n';
	cr_assert(eq(str, (char *)ask(line, 3 * CTL_REQUEST_MAX), (char *)"too long"));
	free(line);
}

Test(ctl_socket, request_may_come_byte_by_byte)
{
	cr_assert(eq(int, create(), 0));
	int fd = client();
	for (const char *at = STATUS_REQUEST; *at; at++)
		say(fd, at, 1);
	cr_assert(eq(str, (char *)verdict(hear(fd)), (char *)"ok"));
	close(fd);
}

Test(ctl_socket, nobody_else_may_open_it_whatever_the_umask)
{
	static const mode_t masks[] = {0, 022, 077, 0777};
	struct stat st;
	for (unsigned i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		umask(masks[i]);
		cr_assert(eq(int, create(), 0));
		cr_expect(eq(uint, umask(masks[i]), masks[i]));
		cr_assert(eq(int, lstat(path, &st), 0));
		cr_expect(eq(uint, st.st_mode, S_IFSOCK | 0600));
		cr_assert(eq(int, stat(run, &st), 0));
		cr_expect(eq(uint, st.st_mode, S_IFDIR | 0755));
		ctl_socket_destroy(ctl);
		ctl = NULL;
		cr_expect(eq(int, access(path, F_OK), -1), "the file is left");
		cr_assert(eq(int, rmdir(run), 0));
	}
}

Test(ctl_socket, directory_that_is_there_keeps_its_mode)
{
	struct stat st;
	cr_assert(eq(int, mkdir(run, 0700), 0));
	cr_assert(eq(int, create(), 0));
	cr_assert(eq(int, stat(run, &st), 0));
	cr_assert(eq(uint, st.st_mode, S_IFDIR | 0700));
}

/* Leaves a socket file behind as a daemon that was killed does. */
static int bind_there(void)
{
	struct sockaddr_un addr = address();
	int fd = stream_socket();

	mkdir(run, 0755);
	cr_assert(eq(int, bind(fd, (struct sockaddr *)&addr, sizeof addr), 0));
	return fd;
}

Test(ctl_socket, socket_of_a_dead_daemon_is_replaced)
{
	close(bind_there());
	cr_assert(eq(int, create(), 0));
	cr_assert(eq(str, (char *)ask(STATUS_REQUEST, strlen(STATUS_REQUEST)), (char *)"ok"));
}

Test(ctl_socket, socket_of_a_live_daemon_stays)
{
	int other = bind_there();

	cr_assert(eq(int, listen(other, 1), 0));
	cr_assert(eq(int, create(), -EADDRINUSE));
	int fd = client();
	cr_assert(ge(int, accept(other, NULL, NULL), 0)); /* ours, which has gone again */
	cr_assert(ge(int, accept(other, NULL, NULL), 0));
	close(fd);
	/* Nor is a full backlog a sign of death. */
	for (int i = 0; i < 3; i++) {
		struct sockaddr_un addr = address();
		connect(stream_socket(), (struct sockaddr *)&addr, sizeof addr);
	}
	cr_assert(eq(int, create(), -EADDRINUSE));
	cr_assert(eq(int, access(path, F_OK), 0));
	close(other);
}

Test(ctl_socket, what_is_no_socket_stays)
{
	cr_assert(eq(int, mkdir(run, 0755), 0));
	close(open(path, O_WRONLY | O_CREAT, 0600));
	cr_assert(eq(int, create(), -EADDRINUSE));
	cr_assert(eq(int, access(path, F_OK), 0));
}

/* The longest directory that the configuration takes, and the longest name of a device. */
Test(ctl_socket, longest_directory_fits_an_address)
{
	char long_run[CTL_DIRECTORY_LEN_MAX + 1];

	snprintf(long_run, sizeof long_run, "%s/%0*d", directory,
	         (int)(CTL_DIRECTORY_LEN_MAX - strlen(directory) - 1), 0);
	cr_assert(eq(sz, strlen(long_run), CTL_DIRECTORY_LEN_MAX));
	snprintf(interface, sizeof interface, "%015d", 0);
	cr_assert(
		eq(int, ctl_socket_create(&loop, long_run, interface, &calls, &service, &ctl), 0));
	ctl_socket_destroy(ctl);
	ctl = NULL;
	cr_assert(eq(int, rmdir(long_run), 0));
}

Test(ctl_socket, path_must_fit_an_address)
{
	char longer[120];

	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = 0;
	cr_assert(eq(int, ctl_socket_create(&loop, longer, interface, &calls, &service, &ctl),
	             -ENAMETOOLONG));
	cr_assert(eq(int,
	             ctl_socket_create(&loop, "/proc/no-such/directory", interface, &calls,
	                               &service, &ctl),
	             -ENOENT));
	ctl_socket_destroy(NULL);
}

Test(ctl_socket, client_that_does_not_finish_is_let_go)
{
	cr_assert(eq(int, create(), 0));
	int silent = client(), halfway = client();

	say(halfway, "{\"req", 6);
	turn_until_idle();
	now_ns += CTL_CLIENT_NS - 1;
	say(halfway, "uest", 4); /* more bytes are no more time */
	turn();
	cr_assert(not(is_closed(silent)));
	cr_assert(not(is_closed(halfway)));
	now_ns++;
	turn();
	cr_assert(is_closed(silent));
	cr_assert(is_closed(halfway));
	cr_assert(eq(u64, deadline_next_ns(&loop.deadlines), NEVER_NS));
	close(silent);
	close(halfway);
}

Test(ctl_socket, slow_reader_holds_up_nobody_and_gets_all)
{
	cr_assert(eq(int, create(), 0));
	service.reply_len = LONG_REPLY;
	int slow = client();
	say(slow, STATUS_REQUEST, strlen(STATUS_REQUEST));
	turn_until_idle(); /* as much as fits its buffers has gone out */
	cr_assert(not(is_closed(slow)));

	service.reply_len = 0;
	cr_assert(eq(str, (char *)ask(STATUS_REQUEST, strlen(STATUS_REQUEST)), (char *)"ok"));

	char *text = hear(slow);
	cr_assert(lt(sz, 1u << 20, strlen(text)));
	cr_assert(eq(str, (char *)verdict(text), (char *)"ok"));
	close(slow);
}

Test(ctl_socket, reader_that_stops_reading_is_let_go)
{
	cr_assert(eq(int, create(), 0));
	service.reply_len = LONG_REPLY;
	int slow = client();
	say(slow, STATUS_REQUEST, strlen(STATUS_REQUEST));
	turn_until_idle();
	now_ns += CTL_CLIENT_NS;
	turn();
	char *text = hear(slow);
	cr_assert(eq(ptr, strchr(text, '\n'), NULL), "it was told everything");
	close(slow);
}

Test(ctl_socket, clients_that_vanish_do_no_harm)
{
	cr_assert(eq(int, create(), 0));
	service.reply_len = LONG_REPLY;
	for (unsigned i = 0; i < 3 * CTL_CLIENTS_MAX; i++) {
		int fd = client();

		if (i % 3 > 0)
			say(fd, STATUS_REQUEST, i % 3 == 1 ? 5 : strlen(STATUS_REQUEST));
		if (i % 2)
			turn();
		close(fd);
		turn_until_idle();
		cr_assert(eq(u64, deadline_next_ns(&loop.deadlines), NEVER_NS));
	}
}

Test(ctl_socket, clients_beyond_the_limit_wait)
{
	int fds[CTL_CLIENTS_MAX];

	cr_assert(eq(int, create(), 0));
	for (unsigned i = 0; i < CTL_CLIENTS_MAX; i++) {
		fds[i] = client();
		turn_until_idle();
	}
	int late = client();
	say(late, STATUS_REQUEST, strlen(STATUS_REQUEST));
	turn_until_idle(); /* and the listener does not keep the loop awake */
	struct pollfd waiting = {.fd = late, .events = POLLIN};
	cr_assert(eq(int, poll(&waiting, 1, 0), 0), "the client beyond the limit was heard");

	close(fds[3]);
	cr_assert(eq(str, (char *)verdict(hear(late)), (char *)"ok"));
	say(fds[0], STATUS_REQUEST, strlen(STATUS_REQUEST));
	cr_assert(eq(str, (char *)verdict(hear(fds[0])), (char *)"ok"));
	close(late);
}

Test(ctl_socket, without_descriptors_it_pauses)
{
	struct rlimit few, before;

	cr_assert(eq(int, create(), 0));
	cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &before), 0));
	int fd = client();
	say(fd, "", 0);
	few = before;
	few.rlim_cur = (rlim_t)fd + 1;
	cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &few), 0));
	turn_until_idle();
	cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &before), 0));
	cr_assert(eq(int, turn(), 0));
	now_ns += NS_PER_S;
	turn();
	say(fd, STATUS_REQUEST, strlen(STATUS_REQUEST));
	cr_assert(eq(str, (char *)verdict(hear(fd)), (char *)"ok"));
	close(fd);
}

Test(ctl_socket, other_users_are_not_answered)
{
	if (geteuid() != 0)
		cr_skip("needs root to be somebody else");
	cr_assert(eq(int, create(), 0));
	/* Somebody opens the way by mistake. */
	cr_assert(eq(int, chmod(directory, 0755), 0));
	cr_assert(eq(int, chmod(path, 0666), 0));
	cr_assert(eq(int, seteuid(65534), 0));
	int stranger = client();
	cr_assert(eq(int, seteuid(0), 0));
	say(stranger, STATUS_REQUEST, strlen(STATUS_REQUEST));
	turn_until_idle();
	cr_assert(is_closed(stranger));
	cr_assert(eq(str, (char *)ask(STATUS_REQUEST, strlen(STATUS_REQUEST)), (char *)"ok"));
	close(stranger);
}

Test(ctl_socket, destroying_lets_go_of_clients_and_file)
{
	cr_assert(eq(int, create(), 0));
	int silent = client(), halfway = client();
	say(halfway, "{", 1);
	turn_until_idle();
	ctl_socket_destroy(ctl);
	ctl = NULL;
	cr_assert(is_closed(silent));
	cr_assert(is_closed(halfway));
	cr_assert(eq(int, access(path, F_OK), -1));
	cr_assert(eq(u64, deadline_next_ns(&loop.deadlines), NEVER_NS));
	cr_assert(eq(int, turn(), 0));
	close(silent);
	close(halfway);
}
