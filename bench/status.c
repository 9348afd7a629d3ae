/* SPDX-License-Identifier: MIT */
/* status.c - `vtbench status`: how long people who ask keep a daemon from its work.
 *
 * A real daemon with many peers, in a network namespace of its own:
 *
 *	prober --handshake initiations of one peer after another--> 127.0.0.1:51820  daemon
 *	asker  --{"request":"status"}, again and again--> control socket               |
 *
 * Whoever answers initiations is the thread that keeps the state. The longest answer is, but for
 * some hundred microseconds of its own, the longest turn in which that thread was away.
 */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/key_text.h"
#include "bench/crypto_ready.h"
#include "bench/netns.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/quantile.h"
#include "bench/vtbench.h"
#include "bench/wait.h"
#include "crypto/aead.h"
#include "crypto/cookie.h"
#include "crypto/noise.h"
#include "vtrunkd/ctl.h"

#define INTERFACE      "vtbench0"
#define ADDRESS        "127.0.0.1:51820"
#define REQUEST        "{\"request\":\"status\"}\n"
#define START_LIMIT_NS (60 * NS_PER_SECOND)
#define PROBE_EVERY_NS (10 * NS_PER_MS) /* far from the budget of handshake messages */
#define PROBE_LIMIT_NS (5 * NS_PER_SECOND)
#define PROBES_MAX     65536u

/* A peer of the daemon's. */
struct prober {
	struct noise_identity identity;
	struct noise_remote daemon;
};

struct status_bench {
	const char *vtrunkd;
	unsigned peers;
	double time_s;
	struct netns netns;
	int log;            /* descriptor: what the daemon says */
	char directory[32]; /* of its control socket */
	struct process daemon, asker;
	struct noise_identity identity; /* the daemon's */
	char private_key[KEY_TEXT_LEN];
	struct prober *prober; /* [peers] */
	struct cookie_keys keys;
	unsigned *answers; /* shared with the asker */
	int fd;            /* of the prober */
	uint32_t probes;
	double took_ms[PROBES_MAX];
	unsigned took_count;
};

/* ---- the daemon ---- */

static void make_keys(struct status_bench *bench)
{
	uint8_t key[KEY_LEN];

	random_bytes(key, sizeof key);
	key_to_base64(bench->private_key, key);
	noise_identity_init(&bench->identity, key);
	cookie_keys_init(&bench->keys, bench->identity.public_key);
	for (unsigned i = 0; i < bench->peers; i++) {
		struct prober *prober = &bench->prober[i];

		random_bytes(key, sizeof key);
		noise_identity_init(&prober->identity, key);
		noise_remote_init(&prober->daemon, &prober->identity, bench->identity.public_key,
		                  NULL);
	}
}

static json_t *peer_object(const struct status_bench *bench, unsigned i)
{
	char key[KEY_TEXT_LEN];

	key_to_base64(key, bench->prober[i].identity.public_key);
	return json_pack("{s:o, s:s, s:[o]}", "name", json_sprintf("peer-%u", i), "public_key", key,
	                 "allowed_ips", json_sprintf("10.200.%u.%u/32", i >> 8, i & 255));
}

/* The caller's to free(). */
static char *config_text(const struct status_bench *bench)
{
	json_t *peers = json_array();

	for (unsigned i = 0; i < bench->peers; i++)
		json_array_append_new(peers, peer_object(bench, i));
	json_t *root = json_pack("{s:{s:s, s:[s]}, s:{s:s, s:[{s:s, s:s}], s:o}}", "network",
	                         "interface", INTERFACE, "addresses", "10.100.0.1/24", "wireguard",
	                         "private_key", bench->private_key, "links", "name", "lo", "bind",
	                         ADDRESS, "peers", peers);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	return text;
}

static int start_daemon(struct status_bench *bench)
{
	const char *const argv[] = {bench->vtrunkd, "--config",       "/dev/stdin", "--foreground",
	                            "--run-dir",    bench->directory, NULL};
	char *text = config_text(bench);
	struct process_spec spec = {
		.netns = &bench->netns, .argv = argv, .output = bench->log, .errors = bench->log};
	int err = process_start_with(&spec, text, &bench->daemon);

	free(text);
	return err;
}

/* ---- the asker ---- */

/* One question and all of its answer: the bytes, or a negative errno. */
static long ask_once(const struct status_bench *bench)
{
	static char answer[1 << 20];
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long bytes = 0, err = fd < 0 ? -errno : 0;
	ssize_t n = 1;

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s/" INTERFACE CTL_SUFFIX, bench->directory);
	if (!err && (connect(fd, (struct sockaddr *)&addr, sizeof addr) ||
	             send(fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL) < 0))
		err = -errno;
	while (!err && n > 0) {
		n = recv(fd, answer, sizeof answer, 0);
		bytes += n > 0 ? n : 0;
	}
	if (fd >= 0)
		close(fd);
	return err ? err : bytes > 0 ? bytes : -EPROTO;
}

static int ask_for_ever(void *arg)
{
	struct status_bench *bench = arg;

	while (ask_once(bench) > 0)
		__atomic_add_fetch(bench->answers, 1, __ATOMIC_RELAXED);
	return 1;
}

static int ask_whether_ready(void *arg)
{
	return ask_once(arg) < 0 ? -EAGAIN : 0;
}

/* ---- the prober ---- */

static int open_prober(struct status_bench *bench)
{
	struct endpoint to;

	bench->fd = netns_socket(&bench->netns, AF_INET, SOCK_DGRAM, 0);
	if (bench->fd < 0)
		return bench->fd;
	endpoint_parse(ADDRESS, 0, &to);
	return connect(bench->fd, &to.sa, endpoint_len(&to)) ? -errno : 0;
}

static int send_initiation(struct status_bench *bench, uint32_t index)
{
	struct prober *prober = &bench->prober[index % bench->peers];
	struct message_initiation msg;
	struct noise_handshake hs;
	struct cookie_jar jar = {0};
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	random_bytes(ephemeral, sizeof ephemeral);
	noise_timestamp(timestamp, (uint64_t)now.tv_sec, (uint32_t)now.tv_nsec, 0);
	if (noise_create_initiation(&hs, &prober->identity, &prober->daemon, ephemeral, timestamp,
	                            index, &msg))
		return -EINVAL;
	cookie_add_macs(&bench->keys, &jar, &msg, sizeof msg, 0);
	return send(bench->fd, &msg, sizeof msg, 0) < 0 ? -errno : 0;
}

/* The response, or the demand for a cookie by a daemon that thinks it is under load: either says
 * that it is there.
 */
static bool is_answer(const uint8_t *msg, ssize_t len, uint32_t index)
{
	const struct message_response *response = (const void *)msg;
	const struct message_cookie_reply *cookie = (const void *)msg;

	return (len == sizeof *response && load_le32(response->receiver_index) == index) ||
	       (len == sizeof *cookie && load_le32(cookie->receiver_index) == index);
}

/* Until there is an answer, or for the limit: then 0 as well, for it has lasted that long. */
static int await_answer(struct status_bench *bench, uint32_t index, uint64_t deadline_ns)
{
	uint8_t msg[2048];

	for (;;) {
		int at = wait_readable(&bench->fd, 1, deadline_ns);

		if (at < 0)
			return at == -ETIMEDOUT ? 0 : at;
		if (is_answer(msg, recv(bench->fd, msg, sizeof msg, 0), index))
			return 0;
	}
}

static int probe(struct status_bench *bench)
{
	uint32_t index = ++bench->probes;
	uint64_t begin_ns = wait_now_ns();
	int err = send_initiation(bench, index);

	if (!err)
		err = await_answer(bench, index, begin_ns + PROBE_LIMIT_NS);
	if (err)
		return err;
	bench->took_ms[bench->took_count++] = (double)(wait_now_ns() - begin_ns) / NS_PER_MS;
	return wait_until(begin_ns + PROBE_EVERY_NS);
}

/* ---- the subcommand ---- */

static int measure_row(struct status_bench *bench, struct report *r, bool is_asked)
{
	uint64_t end_ns = wait_deadline_ns((uint64_t)(bench->time_s * NS_PER_SECOND));
	int err = is_asked ? process_fork(ask_for_ever, bench, &bench->asker) : 0;

	bench->took_count = 0;
	*bench->answers = 0;
	while (!err && wait_now_ns() < end_ns && bench->took_count < PROBES_MAX)
		err = probe(bench);
	process_stop(&bench->asker);
	if (err)
		return err;
	double longest = quantile(bench->took_ms, bench->took_count, 1);
	report_add(r, (const char *[]){is_asked ? "yes" : "no"},
	           (double[]){quantile(bench->took_ms, bench->took_count, 0.5),
	                      quantile(bench->took_ms, bench->took_count, 0.99), longest,
	                      *bench->answers / bench->time_s});
	return 0;
}

static int measure_rows(struct status_bench *bench, struct report *r)
{
	int err = netns_create(&bench->netns, "status", bench->log);

	if (!err)
		err = start_daemon(bench);
	if (!err)
		err = process_await(&bench->daemon, ask_whether_ready, bench,
		                    wait_deadline_ns(START_LIMIT_NS));
	if (!err)
		err = open_prober(bench);
	for (unsigned asked = 0; !err && asked < 2; asked++) {
		report_progress(r, asked + 1, 2, asked ? "asked all the time" : "not asked");
		err = measure_row(bench, r, asked);
	}
	return err;
}

/* Returns an exit status. */
static int end(struct status_bench *bench, int err)
{
	int got = wait_signal();

	process_stop(&bench->daemon);
	if (err && !got) {
		char *said = process_read_fd(bench->log);

		fprintf(stderr, "vtbench: status: %s\n%s", strerror(-err), said ? said : "");
		free(said);
	}
	netns_destroy(&bench->netns);
	rmdir(bench->directory);
	if (bench->fd > 0)
		close(bench->fd);
	close(bench->log);
	return got ? 128 + got : err ? VTBENCH_FAILED : VTBENCH_OK;
}

static int begin(struct status_bench *bench)
{
	bench->log = process_text_fd("");
	if (bench->log < 0)
		return bench->log;
	strcpy(bench->directory, "/tmp/vtbench-XXXXXX");
	bench->answers = mmap(NULL, sizeof *bench->answers, PROT_READ | PROT_WRITE,
	                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bench->prober = calloc(bench->peers, sizeof *bench->prober);
	if (bench->answers == MAP_FAILED || !bench->prober)
		return -ENOMEM;
	return mkdtemp(bench->directory) ? wait_init() : -errno;
}

static const char about[] =
	"A daemon with many peers that is asked for its status all the time, and not at\n"
	"all: how long it takes to answer a handshake initiation, of which there are at\n"
	"most 100 per second. The longest answer is the longest time for which the thread\n"
	"that keeps the state was away. Needs root and ip(8).\n";

int status_main(int argc, char **argv)
{
	static const char *const labels[] = {"asked", NULL};
	static const struct report_metric metrics[] = {
		{"ms_median", "median ms", 2, .less_is_better = true},
		{"ms_p99", "p99 ms", 2, .less_is_better = true},
		{"ms_longest", "longest ms", 2, .less_is_better = true},
		{"answers_per_second", "answers/s", 1},
		{0},
	};
	static struct status_bench bench;
	struct common_options common = {.time_s = 10};
	double peers = 4096;
	const struct option_spec own[] = {
		{"peers", "N", "peers of the daemon; default: 4096", .number = &peers, .min = 1,
	         .max = 4096},
		{"vtrunkd", "FILE", "the daemon; default: vtrunkd in PATH", .text = &bench.vtrunkd},
		{0},
	};
	const struct options_command command = {.name = "status", .about = about, .own = own};

	bench.vtrunkd = "vtrunkd";
	int status = options_parse(&command, &common, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	status = crypto_ready();
	if (status)
		return status;
	bench.peers = (unsigned)peers;
	bench.time_s = common.time_s;
	struct report *r = options_report(&common, "status", labels, metrics);
	int err = begin(&bench);
	if (!err) {
		make_keys(&bench);
		err = measure_rows(&bench, r);
	}
	status = end(&bench, err);
	wait_fini();
	free(bench.prober);
	int written = options_finish(r, &common, "asked", "ms_longest");
	return status ? status : written;
}
