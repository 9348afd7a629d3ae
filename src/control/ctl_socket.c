/* SPDX-License-Identifier: MIT */
/* A client passes through its slot like this; whatever goes wrong on the way leads to
 * client_close():
 *
 *   accept_one() --> reading --client_answer()--> writing --client_write()--> client_close()
 *
 * Slots live as long as the socket, so an event that still names a client that is gone finds a free
 * slot and no freed memory.
 */
#include "control/ctl_socket.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/rcu.h"
#include "control/control.h"
#include "control/status.h"
#include "vtrunkd/ctl.h"

#define PIECE_BYTES     (256u << 10) /* sent per turn of the loop: copied in well below 1 ms */
#define ACCEPT_PAUSE_NS NS_PER_S     /* when the system has no descriptor or memory for a client */

struct client {
	struct event_source source; /* its descriptor is -1 in a free slot */
	struct ctl_socket *ctl;
	struct deadline deadline; /* for everything */
	char *line;               /* CTL_REQUEST_MAX bytes; NULL once there is an answer */
	size_t line_len;
	bool is_too_long; /* the rest of the line is read and thrown away */
	char *reply;      /* reply_len bytes; NULL until there is one */
	size_t reply_len;
	size_t sent;
};

struct ctl_socket {
	struct control *control;
	struct event_source listener;
	struct deadline resume; /* set while listening pauses for want of descriptors */
	struct sockaddr_un addr;
	bool is_bound;
	unsigned client_count;
	struct client client[CTL_CLIENTS_MAX];
};

/* ---- what is asked and answered ---- */

static json_t *refusal(json_t *text)
{
	return json_pack("{s:b, s:o}", "ok", 0, "error", text);
}

static bool knows_protocol(const json_t *request)
{
	const json_t *protocol = json_object_get(request, "protocol");

	return !protocol ||
	       (json_is_integer(protocol) && json_integer_value(protocol) == CTL_PROTOCOL);
}

/* NULL without memory. */
static json_t *answer_object(struct control *control, const json_t *request, uint64_t now_ns)
{
	const char *name = json_string_value(json_object_get(request, "request"));

	if (!json_is_object(request))
		return refusal(json_string("the request is not a JSON object"));
	if (!knows_protocol(request))
		return refusal(json_sprintf("this daemon speaks protocol %d", CTL_PROTOCOL));
	if (!name)
		return refusal(json_string("the member \"request\" must name what is asked"));
	if (strcmp(name, "status"))
		return refusal(json_sprintf("unknown request \"%s\"", name));

	json_t *status = status_build(control, now_ns);
	if (!status)
		return refusal(json_string("no memory for the answer"));
	return json_pack("{s:b, s:o}", "ok", 1, "status", status);
}

static json_t *answer_line(struct control *control, const char *line, size_t len, uint64_t now_ns)
{
	json_error_t error;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

	if (!request)
		return refusal(json_sprintf("the request is not JSON: %s", error.text));
	json_t *reply = answer_object(control, request, now_ns);
	json_decref(request);
	return reply;
}

/* ---- clients ---- */

static void pause_listening(struct ctl_socket *ctl)
{
	loop_watch_again(&ctl->control->loop, &ctl->listener, 0);
}

static void resume_listening(struct ctl_socket *ctl)
{
	loop_watch_again(&ctl->control->loop, &ctl->listener, EPOLLIN);
}

static void client_close(struct client *client)
{
	struct ctl_socket *ctl = client->ctl;

	loop_unwatch(&ctl->control->loop, &client->source);
	deadline_cancel(&ctl->control->loop.deadlines, &client->deadline);
	close(client->source.fd);
	free(client->line);
	free(client->reply);
	*client = (struct client){.ctl = ctl, .source.fd = -1};
	if (ctl->client_count-- == CTL_CLIENTS_MAX)
		resume_listening(ctl);
}

static void client_expired(struct deadline *d, uint64_t now_ns)
{
	(void)now_ns;
	client_close(caa_container_of(d, struct client, deadline));
}

/* Sends the next piece. Closes when that was the last one. */
static void client_write(struct client *client)
{
	size_t left = client->reply_len - client->sent;
	ssize_t n = send(client->source.fd, client->reply + client->sent,
	                 left < PIECE_BYTES ? left : PIECE_BYTES, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (size_t)n == left) {
		client_close(client);
		return;
	}
	client->sent += (size_t)n;
}

/* The request is complete, or all there will be of it. */
static void client_answer(struct client *client, uint64_t now_ns)
{
	struct control *control = client->ctl->control;
	json_t *reply = client->is_too_long
	                        ? refusal(json_sprintf("the request is longer than %u bytes",
	                                               CTL_REQUEST_MAX))
	                        : answer_line(control, client->line, client->line_len, now_ns);

	free(client->line);
	client->line = NULL;
	client->reply = reply ? json_dumps(reply, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	json_decref(reply);
	if (!client->reply || loop_watch_again(&control->loop, &client->source, EPOLLOUT)) {
		client_close(client);
		return;
	}
	client->reply_len = strlen(client->reply) + 1;
	client->reply[client->reply_len - 1] = '\n'; /* the length is known: no zero needed */
	client_write(client);
}

static void client_read(struct client *client, uint64_t now_ns)
{
	char *at = client->line + client->line_len;
	ssize_t n = recv(client->source.fd, at, CTL_REQUEST_MAX - client->line_len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && client->line_len == 0 && !client->is_too_long)) {
		client_close(client);
		return;
	}
	const char *newline = memchr(at, '\n', (size_t)n);
	client->line_len += newline ? (size_t)(newline - at) : (size_t)n;
	if (newline || n == 0) {
		client_answer(client, now_ns);
		return;
	}
	if (client->line_len == CTL_REQUEST_MAX) {
		client->is_too_long = true;
		client->line_len = 0;
	}
}

static void client_ready(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct client *client = caa_container_of(source, struct client, source);

	(void)events; /* errors and hang-ups show at the next call */
	if (source->fd < 0)
		return; /* its time ran out between this event and now */
	if (client->reply)
		client_write(client);
	else
		client_read(client, now_ns);
}

/* The mode of the file says the same, until somebody changes it. */
static bool may_ask(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       (cred.uid == 0 || cred.uid == geteuid());
}

/* Takes over @fd; without memory the client finds the connection closed. */
static void client_begin(struct ctl_socket *ctl, int fd, uint64_t now_ns)
{
	struct client *client = ctl->client;

	while (client->source.fd >= 0)
		client++;
	client->line = malloc(CTL_REQUEST_MAX);
	client->source = (struct event_source){.fd = fd, .ready = client_ready};
	client->deadline.expired = client_expired;
	ctl->client_count++;
	if (!client->line || loop_watch(&ctl->control->loop, &client->source, EPOLLIN) ||
	    deadline_set(&ctl->control->loop.deadlines, &client->deadline, now_ns + CTL_CLIENT_NS))
		client_close(client);
}

/* False when there is nobody left to accept, or no way to do it now. */
static bool accept_one(struct ctl_socket *ctl, uint64_t now_ns)
{
	int fd = accept4(ctl->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		if (may_ask(fd))
			client_begin(ctl, fd, now_ns);
		else
			close(fd);
		return true;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return true;
	/* Out of descriptors or memory: the listener stays readable and would wake us for ever. */
	if (errno != EAGAIN &&
	    !deadline_set(&ctl->control->loop.deadlines, &ctl->resume, now_ns + ACCEPT_PAUSE_NS))
		pause_listening(ctl);
	return false;
}

static void listener_ready(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct ctl_socket *ctl = caa_container_of(source, struct ctl_socket, listener);

	(void)events;
	while (ctl->client_count < CTL_CLIENTS_MAX) {
		if (!accept_one(ctl, now_ns))
			return;
	}
	pause_listening(ctl);
}

static void resume_expired(struct deadline *d, uint64_t now_ns)
{
	struct ctl_socket *ctl = caa_container_of(d, struct ctl_socket, resume);

	(void)now_ns;
	if (ctl->client_count < CTL_CLIENTS_MAX)
		resume_listening(ctl);
}

/* ---- the socket itself ---- */

/* The file is there, and nobody listens behind it. */
static bool is_stale(const struct sockaddr_un *addr)
{
	struct stat st;

	if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool is_refused = connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0 &&
	                  errno == ECONNREFUSED;
	close(fd);
	return is_refused;
}

/* Nobody else could open it even between bind() and a chmod(), which therefore is not enough. */
static int bind_private(int fd, const struct sockaddr_un *addr)
{
	mode_t before = umask(0177);
	int err = bind(fd, (const struct sockaddr *)addr, sizeof *addr) ? -errno : 0;

	umask(before);
	return err;
}

/* Two daemons that start at once could each take the other's new socket for a stale one, between
 * its bind() and its listen(). The kernel gives the TUN device of this name to one of them only,
 * and that comes first; but in another network namespace there may be another device of the name.
 * Those two need a directory each anyway: the later one is refused, or in that moment takes the
 * place.
 */
static int bind_listener(struct ctl_socket *ctl)
{
	int err = bind_private(ctl->listener.fd, &ctl->addr);

	if (err == -EADDRINUSE && is_stale(&ctl->addr) && !unlink(ctl->addr.sun_path))
		err = bind_private(ctl->listener.fd, &ctl->addr);
	if (err)
		return err;
	ctl->is_bound = true;
	return listen(ctl->listener.fd, CTL_CLIENTS_MAX) ? -errno : 0;
}

static int make_directory(const char *directory)
{
	mode_t before = umask(022);
	int err = mkdir(directory, 0755) && errno != EEXIST ? -errno : 0;

	umask(before);
	return err;
}

static int open_listener(struct ctl_socket *ctl, const char *directory)
{
	size_t size = sizeof ctl->addr.sun_path;
	int len = snprintf(ctl->addr.sun_path, size, "%s/%s" CTL_SUFFIX, directory,
	                   ctl->control->interface);

	if (len < 0 || (size_t)len >= size)
		return -ENAMETOOLONG;
	int err = make_directory(directory);
	if (err)
		return err;
	ctl->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (ctl->listener.fd < 0)
		return -errno;
	err = bind_listener(ctl);
	return err ? err : loop_watch(&ctl->control->loop, &ctl->listener, EPOLLIN);
}

int ctl_socket_create(struct control *control, const char *directory, struct ctl_socket **ret)
{
	struct ctl_socket *ctl = calloc(1, sizeof *ctl);

	if (!ctl)
		return -ENOMEM;
	ctl->control = control;
	ctl->addr.sun_family = AF_UNIX;
	ctl->listener = (struct event_source){.fd = -1, .ready = listener_ready};
	ctl->resume.expired = resume_expired;
	for (unsigned i = 0; i < CTL_CLIENTS_MAX; i++)
		ctl->client[i] = (struct client){.ctl = ctl, .source.fd = -1};

	int err = open_listener(ctl, directory);
	if (err) {
		ctl_socket_destroy(ctl);
		return err;
	}
	*ret = ctl;
	return 0;
}

void ctl_socket_destroy(struct ctl_socket *ctl)
{
	if (!ctl)
		return;
	for (unsigned i = 0; i < CTL_CLIENTS_MAX; i++) {
		if (ctl->client[i].source.fd >= 0)
			client_close(&ctl->client[i]);
	}
	deadline_cancel(&ctl->control->loop.deadlines, &ctl->resume);
	if (ctl->is_bound)
		unlink(ctl->addr.sun_path);
	if (ctl->listener.fd >= 0) {
		loop_unwatch(&ctl->control->loop, &ctl->listener);
		close(ctl->listener.fd);
	}
	free(ctl);
}
