/* SPDX-License-Identifier: MIT */
#include "control/ctl_request.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vtrunkd/ctl.h"

#define TEXT(number)    TEXT_OF(number)
#define TEXT_OF(number) #number

void ctl_refuse(struct json_text *out, const char *why)
{
	json_text_raw(out, "{\"ok\":false,\"error\":");
	json_text_string(out, why);
	json_text_raw(out, "}\n");
}

static bool knows_protocol(const json_t *request)
{
	const json_t *protocol = json_object_get(request, "protocol");

	return !protocol ||
	       (json_is_integer(protocol) && json_integer_value(protocol) == CTL_PROTOCOL);
}

/* @name may be as long as a request. */
static void refuse_unknown(struct json_text *out, const char *name)
{
	static const char begin[] = "unknown request \"";
	struct json_text why = {0};

	json_text_raw(&why, begin);
	json_text_raw(&why, name);
	json_text_raw(&why, "\"");
	json_text_end(&why);
	ctl_refuse(out, why.is_failed ? begin : why.at);
	json_text_fini(&why);
}

static enum ctl_request refuse(struct json_text *out, const char *why)
{
	ctl_refuse(out, why);
	return CTL_REFUSED;
}

static enum ctl_request read_object(const json_t *request, struct json_text *refusal)
{
	const char *name = json_string_value(json_object_get(request, "request"));

	if (!json_is_object(request))
		return refuse(refusal, "the request is not a JSON object");
	if (!knows_protocol(request))
		return refuse(refusal, "this daemon speaks protocol " TEXT(CTL_PROTOCOL));
	if (!name)
		return refuse(refusal, "the member \"request\" must name what is asked");
	if (!strcmp(name, "status"))
		return CTL_STATUS;
	refuse_unknown(refusal, name);
	return CTL_REFUSED;
}

enum ctl_request ctl_request_read(const char *line, size_t len, struct json_text *refusal)
{
	char why[JSON_ERROR_TEXT_LENGTH + 32];
	json_error_t error;

	if (!line) {
		snprintf(why, sizeof why, "the request is longer than %u bytes", CTL_REQUEST_MAX);
		return refuse(refusal, why);
	}
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!request) {
		snprintf(why, sizeof why, "the request is not JSON: %s", error.text);
		return refuse(refusal, why);
	}
	enum ctl_request read = read_object(request, refusal);
	json_decref(request);
	return read;
}
