/* SPDX-License-Identifier: MIT */
#include "cli/status_value.h"

#include <inttypes.h>
#include <stdio.h>

struct member {
	const char *name;
	enum status_type type;
	enum status_unit unit;
};

#define MEMBER(name, type, unit, help) {#name, STATUS_##type, STATUS_##unit},

/* By enum status_member. */
/* clang-format off: a list a line */
static const struct member members[] = {STATUS_MEMBERS(MEMBER) STATUS_TUN_MEMBERS(
	MEMBER) STATUS_LINK_MEMBERS(MEMBER) STATUS_PEER_MEMBERS(MEMBER) STATUS_PATH_MEMBERS(MEMBER)
                                                STATUS_ECN_MEMBERS(MEMBER)
                                                        STATUS_POOL_MEMBERS(MEMBER)};
/* clang-format on */

static const char unknown[] = "-";

/* @value in the largest of @units that leaves it at 1 or above. */
static const char *write_scaled(char room[static STATUS_VALUE_LEN], double value, double step,
                                const char *const *units)
{
	unsigned unit = 0;

	for (; value >= step && units[unit + 1]; unit++)
		value /= step;
	snprintf(room, STATUS_VALUE_LEN, "%.*f %s", unit ? 2 : 0, value, units[unit]);
	return room;
}

const char *status_duration(double seconds, char room[static STATUS_VALUE_LEN])
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t left = seconds > 0 && seconds < 1e15 ? seconds : 0;
	unsigned i = 0;

	while (i < 3 && left < units[i].seconds)
		i++;
	uint64_t high = left / units[i].seconds;
	uint64_t low = i < 3 ? left % units[i].seconds / units[i + 1].seconds : 0;

	if (low)
		snprintf(room, STATUS_VALUE_LEN, "%" PRIu64 "%c %" PRIu64 "%c", high, units[i].unit,
		         low, units[i + 1].unit);
	else
		snprintf(room, STATUS_VALUE_LEN, "%" PRIu64 "%c", high, units[i].unit);
	return room;
}

static const char *write_integer(char room[static STATUS_VALUE_LEN], const json_t *value,
                                 enum status_unit unit)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value))
		return unknown;
	if (unit == STATUS_MARK)
		snprintf(room, STATUS_VALUE_LEN, "%#" PRIx64, (uint64_t)number);
	else
		snprintf(room, STATUS_VALUE_LEN, "%" JSON_INTEGER_FORMAT, number);
	return room;
}

static const char *write_number(char room[static STATUS_VALUE_LEN], const json_t *value,
                                enum status_unit unit)
{
	static const char *const bytes[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", NULL};
	static const char *const rates[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", NULL};
	double number = json_number_value(value);

	if (!json_is_number(value))
		return unknown;
	switch (unit) {
	case STATUS_SECONDS:
		return status_duration(number, room);
	case STATUS_BYTES:
		return write_scaled(room, number, 1024, bytes);
	case STATUS_BPS:
		return write_scaled(room, number, 1000, rates);
	case STATUS_MILLISECONDS:
		snprintf(room, STATUS_VALUE_LEN, "%.1f ms", number);
		return room;
	case STATUS_PERCENT:
		snprintf(room, STATUS_VALUE_LEN, "%.1f %%", number);
		return room;
	case STATUS_UNIX_TIME:
		return unknown;
	case STATUS_NONE:
	case STATUS_PACKETS:
	case STATUS_PACKET_BYTES:
	case STATUS_MARK:
		break;
	}
	return write_integer(room, value, unit);
}

json_t *status_get(const json_t *object, enum status_member member)
{
	return json_object_get(object, members[member].name);
}

int64_t status_integer(const json_t *object, enum status_member member)
{
	return json_integer_value(status_get(object, member));
}

const char *status_value(const json_t *object, enum status_member member,
                         char room[static STATUS_VALUE_LEN])
{
	const json_t *value = status_get(object, member);

	switch (members[member].type) {
	case STATUS_TEXT:
	case STATUS_WORD:
	case STATUS_ENDPOINT:
	case STATUS_ENDPOINTS:
	case STATUS_KEY:
		return json_is_string(value) ? json_string_value(value) : unknown;
	case STATUS_COUNT:
	case STATUS_NUMBER:
	case STATUS_REAL:
		return write_number(room, value, members[member].unit);
	case STATUS_FLAG:
		return json_is_true(value) ? "yes" : json_is_false(value) ? "no" : unknown;
	case STATUS_PREFIXES:
	case STATUS_OBJECT:
	case STATUS_LIST:
	case STATUS_COUNTS:
		break;
	}
	return unknown;
}
