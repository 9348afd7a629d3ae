/* SPDX-License-Identifier: MIT */
/* A client passes through its slot like this; whatever goes wrong on the way leads to
 * client_close():
 *
 *   accept_one() --> reading --> asked --ctl_socket_answer()--> writing --> client_close()
 *
 * Slots live as long as the socket, so an event that still names a client that is gone finds a free
 * slot and no freed memory.
 */
#include "control/ctl_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/rcu.h"
#include "vtrunkd/ctl.h"

#define ACCEPT_PAUSE_NS NS_PER_S /* when the system has no descriptor or memory for a client */

struct client {
	struct event_source source; /* its descriptor is -1 in a free slot */
	struct ctl_socket *ctl;
	struct deadline deadline; /* for everything */
	char *line;               /* CTL_REQUEST_MAX bytes; NULL once it was asked */
	size_t line_len;
	bool is_too_long; /* the rest of the line is read and thrown away */
	bool is_writing;  /* an answer has begun */
	bool has_more;    /* behind the piece in hand */
	struct json_text piece;
	size_t sent; /* of the piece */
};

struct ctl_socket {
	struct loop *loop;
	const struct ctl_calls *calls;
	void *arg;
	struct event_source listener;
	struct deadline resume; /* set while listening pauses for want of descriptors */
	struct sockaddr_un addr;
	bool is_bound;
	unsigned client_count;
	struct client client[CTL_CLIENTS_MAX];
};

/* ---- clients ---- */

static void pause_listening(struct ctl_socket *ctl)
{
	loop_watch_again(ctl->loop, &ctl->listener, 0);
}

static void resume_listening(struct ctl_socket *ctl)
{
	loop_watch_again(ctl->loop, &ctl->listener, EPOLLIN);
}

static unsigned client_id(const struct client *client)
{
	return (unsigned)(client - client->ctl->client);
}

static void client_close(struct client *client)
{
	struct ctl_socket *ctl = client->ctl;

	if (!client->line)
		ctl->calls->gone(ctl->arg, client_id(client));
	loop_unwatch(ctl->loop, &client->source);
	deadline_cancel(&ctl->loop->deadlines, &client->deadline);
	close(client->source.fd);
	free(client->line);
	json_text_fini(&client->piece);
	*client = (struct client){.ctl = ctl, .source.fd = -1};
	if (ctl->client_count-- == CTL_CLIENTS_MAX)
		resume_listening(ctl);
}

static void client_expired(struct deadline *d, uint64_t now_ns)
{
	(void)now_ns;
	client_close(caa_container_of(d, struct client, deadline));
}

/* Sends what is left of the piece, or the next one. Closes when that was the last. */
static void client_write(struct client *client)
{
	struct ctl_socket *ctl = client->ctl;

	if (client->sent == client->piece.len && client->has_more) {
		json_text_clear(&client->piece);
		client->sent = 0;
		client->has_more = ctl->calls->more(ctl->arg, client_id(client), &client->piece);
		if (client->piece.is_failed) {
			client_close(client);
			return;
		}
	}
	size_t left = client->piece.len - client->sent;
	ssize_t n = send(client->source.fd, client->piece.at + client->sent,
	                 left < CTL_PIECE_BYTES ? left : CTL_PIECE_BYTES, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n >= 0)
		client->sent += (size_t)n;
	if (n < 0 || (n == (ssize_t)left && !client->has_more))
		client_close(client);
}

void ctl_socket_answer(struct ctl_socket *ctl, unsigned id)
{
	struct client *client = &ctl->client[id];

	client->is_writing = client->has_more = true;
	if (loop_watch_again(ctl->loop, &client->source, EPOLLOUT))
		client_close(client);
	else
		client_write(client);
}

/* The request is complete, or all there will be of it. Until it is answered nothing is watched, but
 * for the end of the connection.
 */
static void client_ask(struct client *client)
{
	struct ctl_socket *ctl = client->ctl;
	char *line = client->line;

	if (loop_watch_again(ctl->loop, &client->source, 0)) {
		client_close(client);
		return;
	}
	client->line = NULL;
	ctl->calls->asked(ctl->arg, client_id(client), client->is_too_long ? NULL : line,
	                  client->line_len);
	free(line);
}

static void client_read(struct client *client)
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
		client_ask(client);
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

	(void)events, (void)now_ns; /* errors and hang-ups show at the next call */
	if (source->fd < 0)
		return; /* its time ran out between this event and now */
	if (client->is_writing)
		client_write(client);
	else if (client->line)
		client_read(client);
	else
		client_close(client); /* it hung up before there was an answer */
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
	if (!client->line || loop_watch(ctl->loop, &client->source, EPOLLIN) ||
	    deadline_set(&ctl->loop->deadlines, &client->deadline, now_ns + CTL_CLIENT_NS))
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
	    !deadline_set(&ctl->loop->deadlines, &ctl->resume, now_ns + ACCEPT_PAUSE_NS))
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

static int open_listener(struct ctl_socket *ctl, const char *directory, const char *interface)
{
	size_t size = sizeof ctl->addr.sun_path;
	int len = snprintf(ctl->addr.sun_path, size, "%s/%s" CTL_SUFFIX, directory, interface);

	if (len < 0 || (size_t)len >= size)
		return -ENAMETOOLONG;
	int err = make_directory(directory);
	if (err)
		return err;
	ctl->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (ctl->listener.fd < 0)
		return -errno;
	err = bind_listener(ctl);
	return err ? err : loop_watch(ctl->loop, &ctl->listener, EPOLLIN);
}

int ctl_socket_create(struct loop *loop, const char *directory, const char *interface,
                      const struct ctl_calls *calls, void *arg, struct ctl_socket **ret)
{
	struct ctl_socket *ctl = calloc(1, sizeof *ctl);

	if (!ctl)
		return -ENOMEM;
	ctl->loop = loop;
	ctl->calls = calls;
	ctl->arg = arg;
	ctl->addr.sun_family = AF_UNIX;
	ctl->listener = (struct event_source){.fd = -1, .ready = listener_ready};
	ctl->resume.expired = resume_expired;
	for (unsigned i = 0; i < CTL_CLIENTS_MAX; i++)
		ctl->client[i] = (struct client){.ctl = ctl, .source.fd = -1};

	int err = open_listener(ctl, directory, interface);
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
	deadline_cancel(&ctl->loop->deadlines, &ctl->resume);
	if (ctl->is_bound)
		unlink(ctl->addr.sun_path);
	if (ctl->listener.fd >= 0) {
		loop_unwatch(ctl->loop, &ctl->listener);
		close(ctl->listener.fd);
	}
	free(ctl);
}
