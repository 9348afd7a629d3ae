/* SPDX-License-Identifier: MIT */
#include "cli/ctl_client.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../expect_text.h"
#include "../local_socket.h"
#include "fake_daemon.h"
#include "vtrunkd/ctl.h"

/* @ret_messages gets what was said, in memory the caller frees. */
static int request_with_messages(const char *path, json_t **ret, char **ret_messages)
{
	size_t len;
	FILE *messages = open_memstream(ret_messages, &len);
	int err = ctl_request(path, "status", messages, ret);

	fclose(messages);
	return err;
}

Test(ctl_client, request_is_one_line_and_the_reply_comes_back_whole)
{
	struct fake_daemon d = {0};
	size_t padding = 200000;
	char *reply = malloc(padding + 64), *messages;
	json_t *answer = NULL;

	memset(reply, 0, padding + 64);
	strcpy(reply, "{\"ok\":true,\"status\":{\"version\":\"");
	memset(reply + strlen(reply), 'x', padding);
	strcat(reply, "\"}}\n");
	fake_start(&d, reply);
	cr_expect(eq(int, request_with_messages(d.path, &answer, &messages), 0));
	fake_finish(&d);

	EXPECT_TEXT(d.request, "{\"request\":\"status\",\"protocol\":1}\n");
	EXPECT_TEXT(messages, "");

	const json_t *status = json_object_get(answer, "status");

	cr_expect(eq(sz, json_string_length(json_object_get(status, "version")), padding));
	json_decref(answer);
	free(messages);
	free(reply);
}

Test(ctl_client, bad_replies_are_told_apart)
{
	static const struct {
		const char *reply;
		int err;
		const char *message;
	} cases[] = {
		{"{\"ok\":false,\"error\":\"unknown request\"}\n", -EREMOTEIO,
	         "the daemon refused: unknown request"},
		{"", -EPROTO, "it is empty"},
		{"hello\n", -EPROTO, "not JSON"},
		{"{\"ok\":true,\"status\":{", -EPROTO, "not JSON"},
		{"[1]\n", -EPROTO, "not one of a vtrunkd daemon"},
		{"{\"ok\":\"yes\"}\n", -EPROTO, "not one of a vtrunkd daemon"},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fake_daemon d = {0};
		json_t *answer = NULL;
		char *messages;

		fake_start(&d, cases[i].reply);
		cr_expect(eq(int, request_with_messages(d.path, &answer, &messages), cases[i].err),
		          "'%s'", cases[i].reply);
		fake_finish(&d);
		cr_expect(ne(ptr, strstr(messages, cases[i].message), NULL), "'%s': %s",
		          cases[i].reply, messages);
		cr_expect(eq(ptr, answer, NULL));
		free(messages);
	}
}

Test(ctl_client, absent_daemon_and_long_path_are_explained)
{
	char long_path[300], *messages;
	json_t *answer = NULL;

	cr_expect(eq(int, request_with_messages("/nonexistent/vt0.sock", &answer, &messages),
	             -ENOENT));
	cr_expect(ne(ptr, strstr(messages, "no daemon runs"), NULL), "%s", messages);
	free(messages);

	memset(long_path, 'x', sizeof long_path - 1);
	long_path[sizeof long_path - 1] = '\0';
	cr_expect(eq(int, request_with_messages(long_path, &answer, &messages), -ENAMETOOLONG));
	free(messages);
}

Test(ctl_client, only_socket_of_the_directory_is_found_and_several_are_listed)
{
	char directory[64], file[128], other[128], path[PATH_MAX], want[128], *messages;
	size_t len;
	FILE *out = open_memstream(&messages, &len);

	make_directory(directory);
	cr_expect(eq(int, ctl_find_socket("/nonexistent", out, path), -ENOENT));
	cr_expect(eq(int, ctl_find_socket(directory, out, path), -ENOENT));
	fflush(out);
	cr_expect(ne(ptr, strstr(messages, "no daemon runs"), NULL), "%s", messages);

	snprintf(file, sizeof file, "%s/vt0" CTL_SUFFIX, directory);
	snprintf(other, sizeof other, "%s/vt0.pid", directory);
	int daemon = listen_at(file), no_daemon = listen_at(other); /* the latter by its name */
	cr_expect(eq(int, ctl_find_socket(directory, out, path), 0));
	snprintf(want, sizeof want, "%s/vt0.sock", directory);
	EXPECT_TEXT(path, want);

	close(no_daemon);
	unlink(other);
	snprintf(other, sizeof other, "%s/office" CTL_SUFFIX, directory);
	no_daemon = listen_at(other);
	cr_expect(eq(int, ctl_find_socket(directory, out, path), -ENOTUNIQ));
	fclose(out);
	cr_expect(ne(ptr, strstr(messages, "choose one with -i: office vt0\n"), NULL), "%s",
	          messages);
	free(messages);
	close(daemon);
	close(no_daemon);
	unlink(file);
	unlink(other);
	rmdir(directory);
}

/* As daemons that were killed leave them. */
Test(ctl_client, stale_sockets_are_no_daemons)
{
	char directory[64], path[PATH_MAX], live[128], dead[128], *messages;
	size_t len;
	FILE *out = open_memstream(&messages, &len);

	make_directory(directory);
	snprintf(dead, sizeof dead, "%s/a" CTL_SUFFIX, directory);
	snprintf(live, sizeof live, "%s/b" CTL_SUFFIX, directory);
	close(listen_at(dead));
	cr_expect(eq(int, ctl_find_socket(directory, out, path), -ENOENT));
	fflush(out);
	cr_expect(ne(ptr, strstr(messages, "no daemon runs: nobody listens at a socket in"), NULL),
	          "%s", messages);

	int daemon = listen_at(live);
	cr_expect(eq(int, ctl_find_socket(directory, out, path), 0));
	EXPECT_TEXT(path, live);

	/* Busy is not dead: with its backlog full it cannot take us. */
	for (int i = 0; i < 64; i++) {
		struct sockaddr_un addr = local_address(live);

		if (connect(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), (void *)&addr,
		            sizeof addr))
			break;
	}
	cr_expect(eq(int, ctl_find_socket(directory, out, path), 0));
	EXPECT_TEXT(path, live);
	fclose(out);
	free(messages);
	close(daemon);
	unlink(live);
	unlink(dead);
	rmdir(directory);
}
