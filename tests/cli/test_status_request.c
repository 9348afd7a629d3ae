/* SPDX-License-Identifier: MIT */
#include "cli/status_request.h"

#include "cli/exit.h"
#include "fake_daemon.h"
#include "stderr_rig.h"

static char said[1024];

static int request(const struct status_source *source, json_t **ret_reply)
{
	int status;

	stderr_catch();
	status = status_request(source, ret_reply);
	stderr_release(said, sizeof said);
	return status;
}

Test(status_request, socket_that_is_named_is_asked)
{
	struct fake_daemon d = {0};
	json_t *reply;

	fake_start(&d, "{\"ok\":true,\"status\":{\"mtu\":7}}\n");
	cr_assert(eq(
		int,
		request(&(struct status_source){.socket = d.path, .run_dir = "/nowhere"}, &reply),
		CLI_OK));
	fake_finish(&d);
	cr_expect(eq(str, d.request, "{\"request\":\"status\",\"protocol\":1}\n"));
	cr_expect(eq(
		int,
		(int)json_integer_value(json_object_get(json_object_get(reply, "status"), "mtu")),
		7));
	json_decref(reply);
}

Test(status_request, reply_without_a_status_is_a_failure)
{
	struct fake_daemon d = {0};
	json_t *reply;

	fake_start(&d, "{\"ok\":true}\n");
	cr_expect(eq(
		int,
		request(&(struct status_source){.socket = d.path, .run_dir = "/nowhere"}, &reply),
		CLI_FAILED));
	fake_finish(&d);
	cr_expect(eq(str, said, "vtrunkd: the reply holds no status\n"));
}

Test(status_request, interface_names_the_socket_of_the_directory)
{
	json_t *reply;

	cr_expect(eq(
		int,
		request(&(struct status_source){.interface = "vt9", .run_dir = "/nowhere"}, &reply),
		CLI_FAILED));
	cr_expect(ne(ptr, strstr(said, "/nowhere/vt9"), NULL), "%s", said);
	cr_expect(eq(
		int,
		request(&(struct status_source){.interface = "a/b", .run_dir = "/nowhere"}, &reply),
		CLI_USAGE));
	cr_expect(eq(str, said, "vtrunkd: 'a/b' is no name of an interface\n"));
}
