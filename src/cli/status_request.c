/* SPDX-License-Identifier: MIT */
#include "cli/status_request.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "cli/ctl_client.h"
#include "cli/exit.h"
#include "vtrunkd/ctl.h"

/* Returns an exit status; *@path is filled in for CLI_OK. */
static int choose_socket(const struct status_source *source, char path[static PATH_MAX])
{
	if (source->socket) {
		snprintf(path, PATH_MAX, "%s", source->socket);
		return CLI_OK;
	}
	if (source->interface) {
		if (strlen(source->interface) >= IF_NAMESIZE || strchr(source->interface, '/')) {
			fprintf(stderr, "vtrunkd: '%s' is no name of an interface\n",
			        source->interface);
			return CLI_USAGE;
		}
		snprintf(path, PATH_MAX, "%s/%s" CTL_SUFFIX, source->run_dir, source->interface);
		return CLI_OK;
	}
	switch (ctl_find_socket(source->run_dir, stderr, path)) {
	case 0:
		return CLI_OK;
	case -ENOTUNIQ:
		return CLI_USAGE;
	default:
		return CLI_FAILED;
	}
}

int status_request(const struct status_source *source, json_t **ret_reply)
{
	char path[PATH_MAX];
	int status = choose_socket(source, path);

	if (status)
		return status;
	if (ctl_request(path, "status", stderr, ret_reply))
		return CLI_FAILED;
	if (json_is_object(json_object_get(*ret_reply, "status")))
		return CLI_OK;
	fputs("vtrunkd: the reply holds no status\n", stderr);
	json_decref(*ret_reply);
	return CLI_FAILED;
}

void status_write_json(const json_t *object)
{
	json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	putchar('\n');
}

int status_end_output(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return CLI_OK;
	fprintf(stderr, "vtrunkd: cannot write the status: %s\n", strerror(errno));
	return CLI_FAILED;
}
