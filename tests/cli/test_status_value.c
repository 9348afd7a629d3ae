/* SPDX-License-Identifier: MIT */
#include "cli/status_value.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "../expect_text.h"

/* The object {"@name": @json}, the caller's to json_decref(). */
static json_t *object_with(const char *name, const char *json)
{
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);

	cr_assert(ne(ptr, value, NULL), "%s", json);
	return json_pack("{s:o}", name, value);
}

static const struct {
	enum status_member member;
	const char *name, *json, *text;
} cases[] = {
	{STATUS_version, "version", "\"0.1.0\"", "0.1.0"},
	{STATUS_version, "version", "1", "-"},
	{STATUS_version, "version", "null", "-"},
	{STATUS_public_key, "public_key", "\"KEY=\"", "KEY="},
	{LINK_bind, "bind", "\"0.0.0.0:1, [::]:1\"", "0.0.0.0:1, [::]:1"},
	{PATH_endpoint, "endpoint", "\"[::1]:1\"", "[::1]:1"},
	{STATUS_pid, "pid", "4711", "4711"},
	{STATUS_pid, "pid", "4711.0", "-"},
	{STATUS_pid, "pid", "\"4711\"", "-"},
	{STATUS_mtu, "mtu", "65535", "65535"},
	{STATUS_uptime_s, "uptime_s", "62.9", "1m 2s"},
	{PEER_clock_behind_s, "clock_behind_s", "90061", "1d 1h"},
	{PEER_last_handshake, "last_handshake", "1000000", "-"},
	{LINK_tx_bytes, "tx_bytes", "0", "0 B"},
	{LINK_tx_bytes, "tx_bytes", "1023", "1023 B"},
	{LINK_tx_bytes, "tx_bytes", "1024", "1.00 KiB"},
	{POOL_bytes, "bytes", "9223372036854775807", "8192.00 PiB"},
	{LINK_tx_packets, "tx_packets", "1024", "1024"},
	{PATH_tx_bps, "tx_bps", "999", "999 bit/s"},
	{PATH_tx_bps, "tx_bps", "85300000", "85.30 Mbit/s"},
	{PATH_tx_bps, "tx_bps", "5000000000000", "5000.00 Gbit/s"},
	{PATH_rtt_ms, "rtt_ms", "12.34", "12.3 ms"},
	{PATH_loss_rx_percent, "loss_rx_percent", "1.26", "1.3 %"},
	{LINK_fwmark, "fwmark", "81", "0x51"},
	{LINK_fwmark, "fwmark", "0", "0"},
	{PATH_in_use, "in_use", "true", "yes"},
	{PATH_in_use, "in_use", "false", "no"},
	{PATH_in_use, "in_use", "1", "-"},
	{STATUS_tun, "tun", "{}", "-"},
	{STATUS_peers, "peers", "[]", "-"},
	{PEER_allowed_ips, "allowed_ips", "[\"::/0\"]", "-"},
};

Test(status_value, form_follows_from_type_and_unit)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *object = object_with(cases[i].name, cases[i].json);
		char room[STATUS_VALUE_LEN];

		EXPECT_TEXT(status_value(object, cases[i].member, room), cases[i].text);
		json_decref(object);
	}
}

Test(status_value, what_is_not_there_is_unknown_and_zero)
{
	json_t *object = object_with("other", "1");

	EXPECT_TEXT(STATUS_VALUE(object, STATUS_pid), "-");
	EXPECT_TEXT(STATUS_VALUE(NULL, STATUS_pid), "-");
	cr_expect(eq(ptr, status_get(object, STATUS_pid), NULL));
	cr_expect(zero(i64, status_integer(object, STATUS_pid)));
	cr_expect(zero(i64, status_integer(NULL, STATUS_pid)));
	json_decref(object);
}

Test(status_value, durations_keep_their_two_greatest_units)
{
	static const struct {
		double seconds;
		const char *text;
	} durations[] = {
		{-5, "0s"},         {0.9, "0s"},       {59, "59s"},
		{60, "1m"},         {3599, "59m 59s"}, {3659, "1h"},
		{86399, "23h 59m"}, {90000, "1d 1h"},  {1e300, "0s"},
	};

	for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
		char room[STATUS_VALUE_LEN];

		EXPECT_TEXT(status_duration(durations[i].seconds, room), durations[i].text);
	}
}
