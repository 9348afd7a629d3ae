/* SPDX-License-Identifier: MIT */
/* A table of members (facts.h) says what lies where; whatever it leads to, an object, an item of a
 * list, is printed by the same function. Only at the outermost level is there a place to stop:
 * behind each member, and in lists, as of peers, behind each item.
 */
#include "control/status.h"

#include <stdio.h>
#include <string.h>

#include "base/key_text.h"

static void print_endpoint(struct json_text *out, const struct endpoint *ep)
{
	char buf[ENDPOINT_TEXT_LEN];

	json_text_string(out, endpoint_family(ep) == AF_UNSPEC ? NULL : endpoint_format(ep, buf));
}

static void print_endpoints(struct json_text *out, const struct endpoint ep[static LINK_FAMILIES])
{
	char all[LINK_FAMILIES * (ENDPOINT_TEXT_LEN + 2)] = "", one[ENDPOINT_TEXT_LEN];
	size_t len = 0;

	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		if (endpoint_family(&ep[i]) != AF_UNSPEC)
			len += (size_t)snprintf(all + len, sizeof all - len, "%s%s",
			                        len ? ", " : "", endpoint_format(&ep[i], one));
	}
	json_text_string(out, all);
}

static void print_key(struct json_text *out, const uint8_t key[static KEY_LEN])
{
	char buf[KEY_TEXT_LEN];

	key_to_base64(buf, key);
	json_text_string(out, buf);
}

static void print_prefixes(struct json_text *out, const struct prefix_list *list)
{
	char buf[PREFIX_TEXT_LEN];

	json_text_raw(out, "[");
	for (size_t i = 0; i < list->count; i++) {
		json_text_raw(out, i ? "," : "");
		json_text_string(out, prefix_format(&list->prefix[i], buf));
	}
	json_text_raw(out, "]");
}

static void print_counts(struct json_text *out, const uint64_t count[static DROP_REASON_COUNT])
{
	json_text_raw(out, "{");
	for (int reason = 0; reason < DROP_REASON_COUNT; reason++) {
		json_text_name(out, drop_name(reason), reason == 0);
		json_text_integer(out, (int64_t)count[reason]);
	}
	json_text_raw(out, "}");
}

static void print_number(struct json_text *out, int64_t value)
{
	if (value == FACT_UNKNOWN)
		json_text_raw(out, "null");
	else
		json_text_integer(out, value);
}

static void print_object(struct json_text *out, const struct fact_member *member, const void *at);

static void print_list(struct json_text *out, const struct fact_member *member,
                       const struct fact_list *list)
{
	json_text_raw(out, "[");
	for (const struct fact_item *item = list->first; item; item = item->next) {
		json_text_raw(out, item == list->first ? "" : ",");
		print_object(out, member, item);
	}
	json_text_raw(out, "]");
}

static void print_value(struct json_text *out, const struct fact_member *member, const void *at)
{
	switch (member->type) {
	case STATUS_TEXT:
		json_text_string(out, at);
		break;
	case STATUS_WORD:
		json_text_string(out, *(const char *const *)at);
		break;
	case STATUS_COUNT:
		json_text_integer(out, (int64_t) * (const uint64_t *)at);
		break;
	case STATUS_NUMBER:
		print_number(out, *(const int64_t *)at);
		break;
	case STATUS_REAL:
		json_text_real(out, *(const double *)at);
		break;
	case STATUS_FLAG:
		json_text_raw(out, *(const bool *)at ? "true" : "false");
		break;
	case STATUS_ENDPOINT:
		print_endpoint(out, at);
		break;
	case STATUS_ENDPOINTS:
		print_endpoints(out, at);
		break;
	case STATUS_KEY:
		print_key(out, at);
		break;
	case STATUS_PREFIXES:
		print_prefixes(out, at);
		break;
	case STATUS_COUNTS:
		print_counts(out, at);
		break;
	case STATUS_OBJECT:
		print_object(out, member->member, at);
		break;
	case STATUS_LIST:
		print_list(out, member->member, at);
		break;
	}
}

static void print_object(struct json_text *out, const struct fact_member *member, const void *at)
{
	const struct fact_member *first = member;

	json_text_raw(out, "{");
	for (; member->name; member++) {
		json_text_name(out, member->name, member == first);
		print_value(out, member, (const char *)at + member->offset);
	}
	json_text_raw(out, "}");
}

/* ---- in pieces ---- */

void status_begin(struct status_printer *printer, const struct facts *facts)
{
	*printer = (struct status_printer){.facts = facts, .member = facts_members};
}

/* The next item, or the end of the list. */
static void step_in_list(struct status_printer *printer, struct json_text *out)
{
	const struct fact_list *list =
		(const void *)((const char *)printer->facts + printer->member->offset);

	if (!printer->item) {
		json_text_raw(out, "]");
		printer->is_in_list = false;
		printer->member++;
		return;
	}
	json_text_raw(out, printer->item == list->first ? "" : ",");
	print_object(out, printer->member->member, printer->item);
	printer->item = printer->item->next;
}

static void step(struct status_printer *printer, struct json_text *out)
{
	const struct fact_member *member = printer->member;
	const void *at = (const char *)printer->facts + member->offset;

	if (printer->is_in_list) {
		step_in_list(printer, out);
		return;
	}
	json_text_raw(out, member == facts_members ? "{" : "");
	json_text_name(out, member->name, member == facts_members);
	if (member->type == STATUS_LIST) {
		json_text_raw(out, "[");
		printer->is_in_list = true;
		printer->item = ((const struct fact_list *)at)->first;
		return;
	}
	print_value(out, member, at);
	printer->member++;
}

bool status_print_more(struct status_printer *printer, struct json_text *out, size_t piece)
{
	while (printer->member->name && out->len < piece && !out->is_failed) {
		step(printer, out);
		if (!printer->member->name)
			json_text_raw(out, "}");
	}
	return printer->member->name;
}
