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
#include "control/control.h"
#include "crypto/init.h"
#include "vtrunkd/ctl.h"

#define STATUS_REQUEST "{\"request\":\"status\"}\n"
#define LONG_LIST      60000u /* prefixes: a reply several times as long as a socket's buffer */

static struct control control;
static struct config config;
static struct config_peer config_peer;
static struct peer peer, *peers[] = {&peer};
static struct noise_identity identity;
static struct ctl_socket *ctl;
static char directory[] = "/tmp/test-ctl-XXXXXX";
static char run[64];  /* in it, where the server shall make its socket */
static char path[96]; /* the socket */
static uint64_t now_ns = 7 * NS_PER_S;

static void create_control(void)
{
	struct engine_settings set = {
		.tun = {.queues = 1}, .mtu = 1420, .workers = 1, .cipher = CIPHER_SODIUM};

	cr_assert(eq(int, engine_create(&set, &control.engine), 0));
	real_effects_init(&control.effects, control.engine, &control.loop.deadlines,
	                  control.uplinks.uplink);
	control.fx = &control.effects.fx;
	control.config = &config;
	control.identity = &identity;
	control.peers = peers;
	control.loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	strcpy(control.interface, "vt-test");
	strcpy(peer.name, "office");
	peer.config = &config_peer;
	peer.paths.followed = PATH_NONE;
	peer.fx = control.fx;
	peer.dp = dp_peer_create(control.engine, &peer);
	cr_assert(ne(ptr, peer.dp, NULL));
	config_peer.allowed_ips = calloc(LONG_LIST, sizeof *config_peer.allowed_ips);
	for (unsigned i = 0; i < LONG_LIST; i++)
		config_peer.allowed_ips[i] = (struct prefix){
			AF_INET6, 128, {0x20, 0x01, 0x0d, 0xb8, [14] = i >> 8, [15] = i & 255}};
}

static void start(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	create_control();
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(run, sizeof run, "%s/run", directory);
	snprintf(path, sizeof path, "%s/vt-test.sock", run);
}

static void stop(void)
{
	ctl_socket_destroy(ctl);
	deadline_heap_fini(&control.loop.deadlines);
	dp_peer_put(peer.dp);
	engine_destroy(control.engine);
	close(control.loop.epoll_fd);
	free(config_peer.allowed_ips);
	unlink(path);
	rmdir(run);
	rmdir(directory);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(ctl_socket, .init = start, .fini = stop);

/* What control's loop does, without sleeping. Returns how many events there were. */
static int turn(void)
{
	struct epoll_event events[32];
	int n = epoll_wait(control.loop.epoll_fd, events, 32, 0);

	for (int i = 0; i < n; i++) {
		struct event_source *source = events[i].data.ptr;
		source->ready(source, events[i].events, now_ns);
	}
	deadline_run(&control.loop.deadlines, now_ns);
	return n;
}

static void turn_until_idle(void)
{
	for (unsigned i = 0; turn() > 0; i++)
		cr_assert(lt(uint, i, 10000), "the loop never comes to rest");
}

static int create(void)
{
	return ctl_socket_create(&control, run, &ctl);
}

static int stream_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static struct sockaddr_un address(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
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

Test(ctl_socket, status_is_answered)
{
	cr_assert(eq(int, create(), 0));
	control.peer_count = 1;
	int fd = client();
	say(fd, STATUS_REQUEST, strlen(STATUS_REQUEST));
	char *text = hear(fd);
	json_t *reply = json_loads(text, 0, NULL);
	json_t *status = json_object_get(reply, "status");
	const char *interface = json_string_value(json_object_get(status, "interface"));
	cr_assert(eq(str, (char *)interface, (char *)"vt-test"));
	cr_assert(eq(sz, json_array_size(json_object_get(status, "peers")), 1));
	json_decref(reply);
	close(fd);
}

Test(ctl_socket, requests_and_their_verdicts)
{
#define NAMELESS "the member \"request\" must name what is asked"
#define PROTOCOL "this daemon speaks protocol 1"
	static const struct {
		const char *request, *verdict;
	} cases[] = {
		{"{\"request\":\"status\"}\n", "ok"},
		{"  { \"request\" : \"status\" }  \r\n", "ok"},
		{"{\"request\":\"status\",\"protocol\":1,\"colour\":[1,{}]}\n", "ok"},
		{"{\"request\":\"status\"}\n{\"request\":", "ok"},
		{"{\"request\":\"status\",\"protocol\":2}\n", PROTOCOL},
		{"{\"request\":\"status\",\"protocol\":\"1\"}\n", PROTOCOL},
		{"{\"request\":\"status\",\"protocol\":null}\n", PROTOCOL},
		{"{\"request\":\"Status\"}\n", "unknown request \"Status\""},
		{"{\"request\":\"\"}\n", "unknown request \"\""},
		{"{\"request\":\"a \\\" \xc3\xa9\"}\n", "unknown request \"a \" \xc3\xa9\""},
		{"{\"request\":1}\n", NAMELESS},
		{"{}\n", NAMELESS},
		{"[\"status\"]\n", "the request is not a JSON object"},
		{"\n", "the request is not JSON: '[' or '{' expected near end of file"},
		{"status\n", "the request is not JSON: '[' or '{' expected near 'status'"},
		{"\"status\"\n", "the request is not JSON: '[' or '{' expected near '\"status\"'"},
		{"{\"request\":\"status\"\n",
	         "the request is not JSON: '}' expected near end of file"},
		{"{\"request\":\"status\"} x\n",
	         "the request is not JSON: end of file expected near 'x'"},
		{"{\"request\":\"\xff\"}\n",
	         "the request is not JSON: unable to decode byte 0xff near '\"'"},
		{"{\"request\":1,\"request\":\"status\"}\n",
	         "the request is not JSON: duplicate object key near '\"request\"'"},
	};

	cr_assert(eq(int, create(), 0));
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect(eq(str, (char *)ask(cases[i].request, strlen(cases[i].request)),
		             (char *)cases[i].verdict),
		          "%s", cases[i].request);
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
	cr_assert(eq(str, (char *)ask(line, CTL_REQUEST_MAX + 1),
	             (char *)"the request is longer than 65536 bytes"));
	line[CTL_REQUEST_MAX] = ' ';
	line[3 * CTL_REQUEST_MAX - 1] = '\n';
	cr_assert(eq(str, (char *)ask(line, 3 * CTL_REQUEST_MAX),
	             (char *)"the request is longer than 65536 bytes"));
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
	snprintf(control.interface, sizeof control.interface, "%015d", 0);
	cr_assert(eq(int, ctl_socket_create(&control, long_run, &ctl), 0));
	ctl_socket_destroy(ctl);
	ctl = NULL;
	cr_assert(eq(int, rmdir(long_run), 0));
}

Test(ctl_socket, path_must_fit_an_address)
{
	char longer[120];

	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = 0;
	cr_assert(eq(int, ctl_socket_create(&control, longer, &ctl), -ENAMETOOLONG));
	cr_assert(eq(int, ctl_socket_create(&control, "/proc/no-such/directory", &ctl), -ENOENT));
	ctl_socket_destroy(NULL);
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK) == 0 || errno == ECONNRESET;
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
	cr_assert(eq(u64, deadline_next_ns(&control.loop.deadlines), NEVER_NS));
	close(silent);
	close(halfway);
}

Test(ctl_socket, slow_reader_holds_up_nobody_and_gets_all)
{
	cr_assert(eq(int, create(), 0));
	control.peer_count = 1;
	config_peer.allowed_ip_count = LONG_LIST;
	int slow = client();
	say(slow, STATUS_REQUEST, strlen(STATUS_REQUEST));
	turn_until_idle(); /* as much as fits its buffers has gone out */
	cr_assert(not(is_closed(slow)));

	config_peer.allowed_ip_count = 0;
	cr_assert(eq(str, (char *)ask(STATUS_REQUEST, strlen(STATUS_REQUEST)), (char *)"ok"));

	char *text = hear(slow);
	cr_assert(lt(sz, 1u << 20, strlen(text)));
	cr_assert(eq(str, (char *)verdict(text), (char *)"ok"));
	close(slow);
}

Test(ctl_socket, reader_that_stops_reading_is_let_go)
{
	cr_assert(eq(int, create(), 0));
	control.peer_count = 1;
	config_peer.allowed_ip_count = LONG_LIST;
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
	control.peer_count = 1;
	config_peer.allowed_ip_count = LONG_LIST;
	for (unsigned i = 0; i < 3 * CTL_CLIENTS_MAX; i++) {
		int fd = client();

		if (i % 3 > 0)
			say(fd, STATUS_REQUEST, i % 3 == 1 ? 5 : strlen(STATUS_REQUEST));
		if (i % 2)
			turn();
		close(fd);
		turn_until_idle();
		cr_assert(eq(u64, deadline_next_ns(&control.loop.deadlines), NEVER_NS));
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
	cr_assert(eq(u64, deadline_next_ns(&control.loop.deadlines), NEVER_NS));
	cr_assert(eq(int, turn(), 0));
	close(silent);
	close(halfway);
}
