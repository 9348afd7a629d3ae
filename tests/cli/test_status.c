/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ctl_client.h"
#include "cli/exit.h"
#include "cli/status_text.h"
#include "vtrunkd/ctl.h"

#define EXPECT_TEXT(actual, wanted) cr_expect(eq(str, (char *)(actual), (char *)(wanted)))

/* Two links, a bonded peer with two paths and one that was never heard of. */
/* clang-format off: it would break the lines anew at every run */
static const char status_json[] =
	"{\"version\":\"0.1.0\",\"interface\":\"vt0\",\"pid\":4711,\"uptime_s\":93784.5,"
	"\"mtu\":1420,\"public_key\":\"OUR+KEY=\",\"workers\":2,\"crypto\":\"ipsec-mb\","
	"\"tun\":{\"queues\":1,\"tcp_offload\":true,\"udp_offload\":true,\"kernel_drops\":6},"
	"\"links\":[{\"name\":\"dsl\",\"state\":\"up\",\"since_s\":312,"
	"\"reason\":\"socket open\",\"bind\":\"0.0.0.0:51820\",\"device\":null,\"fwmark\":null,"
	"\"weight\":1,\"tx_packets\":10,\"tx_bytes\":1536,\"rx_packets\":20,\"rx_bytes\":3145728,"
	"\"tx_errors\":0,\"kernel_drops\":8,\"handshake_kernel_drops\":0},"
	"{\"name\":\"lte\",\"state\":\"resting\",\"since_s\":2,"
	"\"reason\":\"network unreachable\",\"bind\":\"0.0.0.0:40001\",\"device\":\"wwan0\","
	"\"fwmark\":81,\"weight\":3,\"tx_packets\":1,\"tx_bytes\":1023,\"rx_packets\":0,"
	"\"rx_bytes\":0,\"tx_errors\":7,\"kernel_drops\":0,"
	"\"handshake_kernel_drops\":9}],"
	"\"peers\":[{\"name\":\"office\",\"public_key\":\"THEIR+KEY=\",\"mode\":\"aggregate\","
	"\"bonding\":\"bonded\",\"session\":\"established\",\"session_age_s\":62.9,"
	"\"session_role\":\"initiator\",\"handshakes\":5,\"last_handshake\":1000000,"
	"\"endpoint\":\"198.51.100.7:51820\",\"allowed_ips\":[\"10.0.0.0/24\",\"fd00::/64\"],"
	"\"rx_packets\":1,\"rx_bytes\":1073741824,\"tx_packets\":1,\"tx_bytes\":512,"
	"\"staged_packets\":0,"
	"\"paths\":[{\"id\":0,\"link\":\"dsl\",\"endpoint\":\"198.51.100.7:51820\","
	"\"state\":\"up\",\"since_s\":60,\"reason\":\"answers\",\"note\":\"as path "
        "7\",\"in_use\":true,\"weight\":1,"
	"\"rtt_ms\":12.34,\"jitter_ms\":0.5,\"loss_tx_percent\":0,\"loss_rx_percent\":1.26,"
	"\"last_heard_s\":0.2,\"tx_packets\":1,\"tx_bytes\":1048576,\"rx_packets\":1,"
	"\"rx_bytes\":2048,\"tx_bps\":85300000,\"rx_bps\":999},"
	"{\"id\":1,\"link\":\"lte\",\"endpoint\":\"198.51.100.7:51820\",\"state\":\"down\","
	"\"since_s\":7,\"reason\":\"3 probes overdue\",\"in_use\":false,\"weight\":3,"
	"\"rtt_ms\":null,\"jitter_ms\":null,\"loss_tx_percent\":null,\"loss_rx_percent\":null,"
	"\"last_heard_s\":null,\"tx_packets\":0,\"tx_bytes\":0,\"rx_packets\":0,\"rx_bytes\":0,"
	"\"tx_bps\":0,\"rx_bps\":0}]},"
	"{\"name\":\"peer-2\",\"public_key\":\"OTHER+KEY=\",\"mode\":\"failover\","
	"\"bonding\":\"unknown\",\"session\":\"handshake\",\"session_age_s\":null,"
	"\"session_role\":null,\"handshakes\":0,\"last_handshake\":null,"
	"\"unanswered_initiations\":4,\"stale_initiations\":2,\"clock_behind_s\":90061,"
	"\"endpoint\":null,"
	"\"allowed_ips\":[],\"rx_packets\":0,\"rx_bytes\":0,\"tx_packets\":0,\"tx_bytes\":0,"
	"\"staged_packets\":3,"
	"\"paths\":[]}],"
	"\"drops\":{\"no_keypair\":12,\"replayed\":0,\"tag\":3},\"pool\":{\"batches\":1024,"
	"\"bytes\":67108864},\"log_lines_lost\":7}";

static const char status_text[] =
	"interface: vt0\n"
	"  public key: OUR+KEY=\n"
	"  version: 0.1.0, process 4711, up 1d 2h\n"
	"  mtu: 1420, workers: 2, crypto: ipsec-mb\n"
	"  tun: 1 queue, offload of TCP and UDP, dropped by the kernel: 6\n"
	"  packet buffers: 1024 batches, up to 64.00 MiB\n"
	"\n"
	"links:\n"
	"  NAME  STATE    SINCE   BIND           DEVICE  FWMARK  WEIGHT  SENT      RECEIVED  "
	"ERRORS  DROPPED  REASON\n"
	"  dsl   up       5m 12s  0.0.0.0:51820  -       -       1       1.50 KiB  3.00 MiB  "
	"0       8        socket open\n"
	"  lte   resting  2s      0.0.0.0:40001  wwan0   0x51    3       1023 B    0 B       "
	"7       0 + 9    network unreachable\n"
	"\n"
	"peer: office\n"
	"  public key: THEIR+KEY=\n"
	"  mode: aggregate, bonding: bonded\n"
	"  session: established 1m 2s ago as initiator, handshakes: 5, latest 1h ago\n"
	"  endpoint: 198.51.100.7:51820\n"
	"  allowed ips: 10.0.0.0/24, fd00::/64\n"
	"  transfer: 1.00 GiB received, 512 B sent\n"
	"  paths:\n"
	"    ID  LINK  ENDPOINT            STATE  SINCE  IN USE  WEIGHT  RTT      JITTER  "
	"LOSS OUT  LOSS IN  HEARD  RATE OUT      RATE IN    SENT      RECEIVED  REASON\n"
	"    0   dsl   198.51.100.7:51820  up     1m     yes     1       12.3 ms  0.5 ms  "
	"0.0 %     1.3 %    0s     85.30 Mbit/s  999 bit/s  1.00 MiB  2.00 KiB  answers\n"
	"    1   lte   198.51.100.7:51820  down   7s     no      3       -        -       -    "
	"     -        -      0 bit/s       0 bit/s    0 B       0 B       3 probes overdue\n"
	"    path 0: as path 7\n"
	"\n"
	"peer: peer-2\n"
	"  public key: OTHER+KEY=\n"
	"  mode: failover, bonding: unknown\n"
	"  session: handshake, handshakes: 0\n"
	"  no answer to 4 handshake initiations\n"
	"  refused: 2 handshake initiations of an older time, the peer's clock seems 1d 1h behind\n"
	"  endpoint: -\n"
	"  allowed ips: (none)\n"
	"  transfer: 0 B received, 0 B sent\n"
	"  waiting for a session: 3 packets\n"
	"\n"
	"drops:\n"
	"  REASON      PACKETS\n"
	"  no_keypair  12\n"
	"  tag         3\n"
	"\n"
	"log: 7 lines lost, nobody took them in time\n";
/* clang-format on */

/* In memory the caller frees. */
static char *render(const char *json, time_t now)
{
	json_error_t error;
	json_t *status = json_loads(json, 0, &error);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	cr_assert(ne(ptr, status, NULL), "%s", error.text);
	status_print(out, status, now);
	fclose(out);
	json_decref(status);
	return text;
}

Test(status, text_shows_everything_in_human_units_and_aligned)
{
	char *text = render(status_json, 1003600);

	EXPECT_TEXT(text, status_text);
	free(text);
}

Test(status, missing_and_strange_members_show_as_unknown)
{
	char *text = render("{\"interface\":7,\"uptime_s\":-5,\"links\":{},\"peers\":[null,{}],"
	                    "\"drops\":[],\"pool\":null}",
	                    0);

	EXPECT_TEXT(text, "interface: -\n"
	                  "  public key: -\n"
	                  "  version: -, process -, up 0s\n"
	                  "  mtu: -, workers: -, crypto: -\n"
	                  "\n"
	                  "peer: -\n"
	                  "  public key: -\n"
	                  "  mode: -, bonding: -\n"
	                  "  session: -, handshakes: -\n"
	                  "  endpoint: -\n"
	                  "  allowed ips: (none)\n"
	                  "  transfer: - received, - sent\n"
	                  "\n"
	                  "peer: -\n"
	                  "  public key: -\n"
	                  "  mode: -, bonding: -\n"
	                  "  session: -, handshakes: -\n"
	                  "  endpoint: -\n"
	                  "  allowed ips: (none)\n"
	                  "  transfer: - received, - sent\n");
	free(text);
}

Test(status, durations_keep_their_two_greatest_units)
{
	static const struct {
		const char *seconds, *text;
	} cases[] = {
		{"0", "0s"},        {"0.9", "0s"},     {"1", "1s"},          {"59", "59s"},
		{"60", "1m"},       {"61", "1m 1s"},   {"3599", "59m 59s"},  {"3600", "1h"},
		{"3659", "1h"},     {"3660", "1h 1m"}, {"86399", "23h 59m"}, {"86400", "1d"},
		{"90000", "1d 1h"}, {"1e300", "0s"},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char json[64], want[64];

		snprintf(json, sizeof json, "{\"uptime_s\":%s}", cases[i].seconds);
		snprintf(want, sizeof want, ", up %s\n", cases[i].text);

		char *text = render(json, 0);

		cr_expect(ne(ptr, strstr(text, want), NULL), "%s: %s", cases[i].seconds, text);
		free(text);
	}
}

/* A daemon for one request, in a directory of its own. */
struct fake_daemon {
	char directory[64];
	char path[128];
	const char *reply;
	int listener;
	pthread_t thread;
	char request[256]; /* as it came */
};

static void make_directory(char directory[static 64])
{
	strcpy(directory, "/tmp/vtrunkd-test-XXXXXX");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
	cr_assert(eq(int, bind(sock, (struct sockaddr *)&addr, sizeof addr), 0));
	cr_assert(eq(int, listen(sock, 1), 0));
	return sock;
}

static void *answer_once(void *arg)
{
	struct fake_daemon *d = arg;
	int sock = accept(d->listener, NULL, NULL);
	size_t len = 0;

	while (len + 1 < sizeof d->request && !memchr(d->request, '\n', len)) {
		ssize_t n = recv(sock, d->request + len, sizeof d->request - 1 - len, 0);

		if (n <= 0)
			break;
		len += n;
	}
	for (const char *at = d->reply; *at;) {
		/* In small pieces, as a stream may deliver it. */
		ssize_t n = send(sock, at, strnlen(at, 1000), MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += n;
	}
	close(sock);
	return NULL;
}

static void fake_start(struct fake_daemon *d, const char *reply)
{
	make_directory(d->directory);
	snprintf(d->path, sizeof d->path, "%s/vt0" CTL_SUFFIX, d->directory);
	d->reply = reply;
	d->listener = listen_at(d->path);
	cr_assert(eq(int, pthread_create(&d->thread, NULL, answer_once, d), 0));
}

static void fake_finish(struct fake_daemon *d)
{
	pthread_join(d->thread, NULL);
	close(d->listener);
	unlink(d->path);
	rmdir(d->directory);
}

/* @ret_messages gets what was said, in memory the caller frees. */
static int request_with_messages(const char *path, json_t **ret, char **ret_messages)
{
	size_t len;
	FILE *messages = open_memstream(ret_messages, &len);
	int err = ctl_request(path, "status", messages, ret);

	fclose(messages);
	return err;
}

Test(status, request_is_one_line_and_the_reply_comes_back_whole)
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

Test(status, bad_replies_are_told_apart)
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

Test(status, absent_daemon_and_long_path_are_explained)
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

Test(status, only_socket_of_the_directory_is_found_and_several_are_listed)
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
Test(status, stale_sockets_are_no_daemons)
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
		struct sockaddr_un addr = {.sun_family = AF_UNIX};

		strcpy(addr.sun_path, live);
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

/* The subcommand as a whole, with its standard output as *@ret_out, in memory the caller frees. */
static int run_status(struct fake_daemon *d, char *option, char **ret_out)
{
	char *argv[] = {(char *)"status", (char *)"--socket", d->path, option, NULL};
	size_t len;
	int status;
	char *text = calloc(1, 65536);

	cr_redirect_stdout();
	status = cli_main(option ? 4 : 3, argv);
	fflush(stdout);
	close(STDOUT_FILENO);
	len = fread(text, 1, 65535, cr_get_redirected_stdout());
	text[len] = '\0';
	*ret_out = text;
	return status;
}

Test(status, subcommand_prints_text_by_default)
{
	struct fake_daemon d = {0};
	char *reply, *out;

	cr_assert(ge(int, asprintf(&reply, "{\"ok\":true,\"status\":%s}\n", status_json), 0));
	fake_start(&d, reply);
	cr_expect(eq(int, run_status(&d, NULL, &out), CLI_OK));
	fake_finish(&d);
	cr_expect(eq(int, strncmp(out, status_text, 200), 0), "%s", out);
	free(reply);
	free(out);
}

Test(status, subcommand_prints_the_object_unchanged_as_json)
{
	struct fake_daemon d = {0};
	char *reply, *out;

	cr_assert(ge(int, asprintf(&reply, "{\"ok\":true,\"status\":%s}\n", status_json), 0));
	fake_start(&d, reply);
	cr_expect(eq(int, run_status(&d, (char *)"--json", &out), CLI_OK));
	fake_finish(&d);

	json_t *want = json_loads(status_json, 0, NULL), *got = json_loads(out, 0, NULL);

	cr_expect(json_equal(want, got) != 0, "%s", out);
	json_decref(want);
	json_decref(got);
	free(reply);
	free(out);
}

Test(status, reply_without_a_status_is_a_failure)
{
	struct fake_daemon d = {0};
	char *out;

	cr_redirect_stderr();
	fake_start(&d, "{\"ok\":true}\n");
	cr_expect(eq(int, run_status(&d, NULL, &out), CLI_FAILED));
	fake_finish(&d);
	EXPECT_TEXT(out, "");
	free(out);
}

static int run_words(char *second, char *third)
{
	char *argv[] = {(char *)"status", second, third, NULL};

	return cli_main(third ? 3 : 2, argv);
}

static int run_show(char *second, char *third)
{
	char *argv[] = {(char *)"show", second, third, NULL};

	return cli_main(third ? 3 : second ? 2 : 1, argv);
}

/* As with `wg show vt0`: no daemon is a failure, wrong use is another. */
Test(status, show_is_status_with_the_interface_as_a_word)
{
	cr_redirect_stderr();
	cr_redirect_stdout();
	cr_expect(eq(int, run_show((char *)"--help", NULL), CLI_OK));
	cr_expect(eq(int, run_show((char *)"vt-not-there", NULL), CLI_FAILED));
	cr_expect(eq(int, run_show((char *)"-i", (char *)"vt-not-there"), CLI_FAILED));
	cr_expect(eq(int, run_show((char *)"vt0", (char *)"vt1"), CLI_USAGE));
	cr_expect(eq(int, run_show((char *)"../vt0", NULL), CLI_USAGE));
}

Test(status, wrong_use_is_told_from_an_absent_daemon)
{
	cr_redirect_stderr();
	cr_redirect_stdout();
	cr_expect(eq(int, run_words((char *)"--help", NULL), CLI_OK));
	cr_expect(eq(int, run_words((char *)"--jsonx", NULL), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"-i", NULL), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"vt0", NULL), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"-i", (char *)"../vt0"), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"-i", (char *)"sixteen-letters-"), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"-i", (char *)"vt-not-there"), CLI_FAILED));
}
