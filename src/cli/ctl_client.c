/* SPDX-License-Identifier: MIT */
#include "cli/ctl_client.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "vtrunkd/ctl.h"

#define REPLY_FIRST_ROOM 65536u /* bytes; doubles from there */

static int connect_to(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = CTL_TIMEOUT_S};
	int sock;

	if (strlen(path) >= sizeof addr.sun_path)
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) < 0 ||
	    connect(sock, (struct sockaddr *)&addr, sizeof addr) < 0) {
		int err = -errno;

		close(sock);
		return err;
	}
	return sock;
}

/* A socket with a timeout says EAGAIN when it has passed. */
static int socket_error(void)
{
	return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

static int send_all(int sock, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(sock, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return socket_error();
		text += n;
		len -= n;
	}
	return 0;
}

/* What has come so far. */
struct reply {
	char *text;
	size_t len, room;
};

/* There is room for at least a byte more. */
static int make_room(struct reply *reply)
{
	size_t room = reply->room ? 2 * reply->room : REPLY_FIRST_ROOM;

	if (reply->len < reply->room)
		return 0;
	if (reply->room >= CTL_REPLY_MAX)
		return -EMSGSIZE;
	char *wider = realloc(reply->text, room);
	if (!wider)
		return -ENOMEM;
	reply->text = wider;
	reply->room = room;
	return 0;
}

/* Everything until the daemon closes. The text is the caller's to free, also after failure. */
static int receive_all(int sock, struct reply *reply)
{
	for (;;) {
		int err = make_room(reply);
		if (err)
			return err;
		ssize_t n = recv(sock, reply->text + reply->len, reply->room - reply->len, 0);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return socket_error();
		if (n > 0)
			reply->len += n;
	}
}

/* Reads the object and looks whether the daemon agreed. */
static int parse_reply(const char *path, const char *text, size_t len, FILE *messages, json_t **ret)
{
	json_error_t error;
	json_t *reply = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	const char *refusal = json_string_value(json_object_get(reply, "error"));

	if (json_is_true(json_object_get(reply, "ok"))) {
		*ret = reply;
		return 0;
	}
	if (refusal)
		fprintf(messages, "vtrunkd: %s: the daemon refused: %s\n", path, refusal);
	else if (reply)
		fprintf(messages, "vtrunkd: %s: the reply is not one of a vtrunkd daemon\n", path);
	else
		fprintf(messages, "vtrunkd: %s: the reply is not JSON: %s\n", path,
		        len ? error.text : "it is empty");
	json_decref(reply);
	return refusal ? -EREMOTEIO : -EPROTO;
}

static void explain(FILE *messages, const char *path, const char *what, int err)
{
	const char *hint = "";

	if (err == -ENOENT || err == -ECONNREFUSED)
		hint = ": no daemon runs for this interface";
	else if (err == -EACCES)
		hint = ": only the daemon's user and root may ask";
	fprintf(messages, "vtrunkd: %s: %s: %s%s\n", path, what, strerror(-err), hint);
}

int ctl_request(const char *path, const char *request, FILE *messages, json_t **ret)
{
	char line[128];
	struct reply answer = {0};
	int sock = connect_to(path);
	int err;

	if (sock < 0) {
		explain(messages, path, "cannot connect", sock);
		return sock;
	}
	snprintf(line, sizeof line, "{\"request\":\"%s\",\"protocol\":%d}\n", request,
	         CTL_PROTOCOL);
	err = send_all(sock, line);
	if (!err)
		err = receive_all(sock, &answer);
	close(sock);
	if (err)
		explain(messages, path, "no answer", err);
	else
		err = parse_reply(path, answer.text, answer.len, messages, ret);
	free(answer.text);
	return err;
}

static bool is_socket_name(const char *name)
{
	size_t len = strlen(name), suffix = strlen(CTL_SUFFIX);

	return len > suffix && !strcmp(name + len - suffix, CTL_SUFFIX);
}

static int filter_sockets(const struct dirent *entry)
{
	return is_socket_name(entry->d_name);
}

/* Nobody listens at this socket any more: a daemon that was killed left it. One that is too busy to
 * take us, or that we may not ask, lives.
 */
static bool is_stale(const char *directory, const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int len = snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%s", directory, name);

	if (len < 0 || (size_t)len >= sizeof addr.sun_path)
		return false;
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return false;
	bool is_refused = connect(sock, (struct sockaddr *)&addr, sizeof addr) < 0 &&
	                  (errno == ECONNREFUSED || errno == ENOENT);
	close(sock);
	return is_refused;
}

/* Frees the entries of stale sockets and moves the others together; returns how many these are. */
static int drop_stale(const char *directory, struct dirent **found, int count)
{
	int kept = 0;

	for (int i = 0; i < count; i++) {
		if (is_stale(directory, found[i]->d_name))
			free(found[i]);
		else
			found[kept++] = found[i];
	}
	return kept;
}

static int explain_choice(const char *directory, struct dirent **found, int count, bool had_stale,
                          FILE *messages)
{
	if (count == 0) {
		fprintf(messages, "vtrunkd: no daemon runs: %s %s; --run-dir names another\n",
		        had_stale ? "nobody listens at a socket in" : "no socket in", directory);
		return -ENOENT;
	}
	fputs("vtrunkd: several daemons run, choose one with -i:", messages);
	for (int i = 0; i < count; i++)
		fprintf(messages, " %.*s", (int)(strlen(found[i]->d_name) - strlen(CTL_SUFFIX)),
		        found[i]->d_name);
	fputc('\n', messages);
	return -ENOTUNIQ;
}

int ctl_find_socket(const char *directory, FILE *messages, char ret_path[static PATH_MAX])
{
	struct dirent **found = NULL;
	int all = scandir(directory, &found, filter_sockets, alphasort);
	int err = 0;

	if (all < 0 && errno != ENOENT) {
		err = -errno;
		fprintf(messages, "vtrunkd: %s: %s\n", directory, strerror(-err));
		return err;
	}
	int count = drop_stale(directory, found, all);
	if (count == 1)
		snprintf(ret_path, PATH_MAX, "%s/%s", directory, found[0]->d_name);
	else
		err = explain_choice(directory, found, count, all > count, messages);
	while (count > 0)
		free(found[--count]);
	free(found);
	return err;
}
