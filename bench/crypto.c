/* SPDX-License-Identifier: MIT */
/* crypto.c - `vtbench crypto`: transport data sealed and opened by the batch, per library and size.
 *
 * The engine's way (crypto/cipher.h) and the bare library calls take turns, sample by sample.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/crypto_bare.h"
#include "bench/crypto_ready.h"
#include "bench/measure.h"
#include "bench/options.h"
#include "bench/vtbench.h"
#include "crypto/aead.h"
#include "crypto/cipher.h"
#include "vtrunkd/limits.h"

#define SIZE_MAX_BYTES  16384u
#define STRIDE_MULTIPLE 64u
#define STRIDE_MAX      (SIZE_MAX_BYTES + STRIDE_MULTIPLE)

/* One library, one size; a batch of messages that lie one after another. */
struct crypto_work {
	struct cipher *cipher;
	struct bare *bare;
	uint8_t key[KEY_LEN];
	unsigned batch;
	uint32_t size, stride;             /* bytes of plaintext, and from message to message */
	struct cipher_job jobs[BATCH_MAX]; /* their data lies in @data */
	uint8_t *data;
	uint8_t *sealed; /* what is opened, copied to @data before */
	bool has_failed;
};

/* ---- what is measured ---- */

static uint64_t seal_engine(void *arg, uint64_t repetitions)
{
	struct crypto_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions; r++)
		cipher_seal(w->cipher, w->key, w->jobs, w->batch);
	return measure_now_ns() - begin_ns;
}

static uint64_t seal_bare(void *arg, uint64_t repetitions)
{
	struct crypto_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions; r++)
		bare_seal(w->bare, w->key, w->jobs, w->batch);
	return measure_now_ns() - begin_ns;
}

/* Opening destroys what was sealed; bringing it back is not counted. */
static uint64_t open_engine(void *arg, uint64_t repetitions)
{
	struct crypto_work *w = arg;
	uint64_t took_ns = 0;

	for (uint64_t r = 0; r < repetitions; r++) {
		memcpy(w->data, w->sealed, (size_t)w->batch * w->stride);
		uint64_t begin_ns = measure_now_ns();
		unsigned authentic = cipher_open(w->cipher, w->key, w->jobs, w->batch);
		took_ns += measure_now_ns() - begin_ns;
		w->has_failed |= authentic != w->batch;
	}
	return took_ns;
}

static uint64_t open_bare(void *arg, uint64_t repetitions)
{
	struct crypto_work *w = arg;
	uint64_t took_ns = 0;

	for (uint64_t r = 0; r < repetitions; r++) {
		memcpy(w->data, w->sealed, (size_t)w->batch * w->stride);
		uint64_t begin_ns = measure_now_ns();
		unsigned authentic = bare_open(w->bare, w->key, w->jobs, w->batch);
		took_ns += measure_now_ns() - begin_ns;
		w->has_failed |= authentic != w->batch;
	}
	return took_ns;
}

/* ---- a row ---- */

/* Lays the messages out and seals them by both ways, which must agree. */
static bool prepare(struct crypto_work *w, uint32_t size)
{
	const size_t bytes = (size_t)BATCH_MAX * STRIDE_MAX;

	w->size = size;
	w->stride = (size + AEAD_TAG_LEN + STRIDE_MULTIPLE - 1) / STRIDE_MULTIPLE * STRIDE_MULTIPLE;
	for (unsigned i = 0; i < w->batch; i++)
		w->jobs[i] = (struct cipher_job){
			.data = w->data + (size_t)i * w->stride, .len = size, .counter = i};
	memset(w->data, 0x5a, bytes);
	bare_seal(w->bare, w->key, w->jobs, w->batch);
	memcpy(w->sealed, w->data, bytes);
	memset(w->data, 0x5a, bytes);
	cipher_seal(w->cipher, w->key, w->jobs, w->batch);
	return memcmp(w->sealed, w->data, bytes) == 0;
}

static void add_row(struct report *r, const struct crypto_work *w, const char *library,
                    bool is_open, const struct measure_task tasks[static 2])
{
	struct spread engine = measure_spread(&tasks[0], w->batch);
	struct spread bare = measure_spread(&tasks[1], w->batch);
	char size[16];

	snprintf(size, sizeof size, "%u", w->size);
	report_add(r, (const char *[]){is_open ? "open" : "seal", library, size},
	           (double[]){engine.median, engine.p10, engine.p90, 1e3 * w->size / engine.median,
	                      bare.median, 100 * measure_ratio(&tasks[1], &tasks[0])});
}

static int measure_row(struct report *r, struct crypto_work *w, const char *library, bool is_open,
                       double time_s)
{
	static struct measure_task tasks[2];

	tasks[0] = (struct measure_task){.run = is_open ? open_engine : seal_engine, .arg = w};
	tasks[1] = (struct measure_task){.run = is_open ? open_bare : seal_bare, .arg = w};
	for (unsigned i = 0; i < w->batch; i++)
		w->jobs[i].len = w->size + (is_open ? AEAD_TAG_LEN : 0);
	measure(tasks, 2, time_s);
	if (w->has_failed) {
		fprintf(stderr, "vtbench: %s does not open what was sealed\n", library);
		return VTBENCH_FAILED;
	}
	add_row(r, w, library, is_open, tasks);
	return VTBENCH_OK;
}

/* ---- the subcommand ---- */

static int measure_library(struct report *r, struct crypto_work *w, enum cipher_library library,
                           double time_s)
{
	static const uint32_t sizes[] = {64, 128, 256, 512, 1024, 1420, 4096, 8192, SIZE_MAX_BYTES};
	const unsigned size_count = sizeof sizes / sizeof *sizes;
	const char *name = cipher_library_name(library);

	w->cipher = cipher_create(library);
	w->bare = bare_create(library);
	int status = w->cipher && w->bare ? VTBENCH_OK : VTBENCH_FAILED;
	if (status)
		fprintf(stderr, "vtbench: cannot start %s\n", name);
	for (unsigned i = 0; i < 2 * size_count && !status; i++) {
		report_progress(r, i + 1, 2 * size_count, name);
		if (!prepare(w, sizes[i % size_count])) {
			fprintf(stderr, "vtbench: %s gives two answers\n", name);
			status = VTBENCH_FAILED;
		} else {
			status = measure_row(r, w, name, i >= size_count, time_s);
		}
	}
	bare_destroy(w->bare);
	cipher_destroy(w->cipher);
	return status;
}

/* Fails when it was asked for. */
static int leave_out(struct report *r, const char *library, bool is_wanted)
{
	static const char why[] = "not built in, or the CPU lacks what it needs";

	if (is_wanted)
		fprintf(stderr, "vtbench: no %s: %s\n", library, why);
	else
		report_note(r, "%s is left out: %s", library, why);
	return is_wanted ? VTBENCH_FAILED : VTBENCH_OK;
}

static int measure_all(struct report *r, const char *only, unsigned batch, double time_s)
{
	static const enum cipher_library libraries[] = {CIPHER_SODIUM, CIPHER_IPSEC_MB};
	static struct crypto_work work;
	int status = VTBENCH_OK;

	work.batch = batch;
	random_bytes(work.key, sizeof work.key);
	work.data = aligned_alloc(STRIDE_MULTIPLE, (size_t)BATCH_MAX * STRIDE_MAX);
	work.sealed = aligned_alloc(STRIDE_MULTIPLE, (size_t)BATCH_MAX * STRIDE_MAX);
	if (!work.data || !work.sealed) {
		fputs("vtbench: out of memory\n", stderr);
		status = VTBENCH_FAILED;
	}
	for (unsigned i = 0; i < sizeof libraries / sizeof *libraries && !status; i++) {
		const char *name = cipher_library_name(libraries[i]);

		if (only && strcmp(only, name) != 0)
			continue;
		if (cipher_is_available(libraries[i]))
			status = measure_library(r, &work, libraries[i], time_s);
		else
			status = leave_out(r, name, only != NULL);
	}
	free(work.data);
	free(work.sealed);
	return status;
}

static const char about[] =
	"Transport data sealed and opened in batches, as the engine does it, beside the\n"
	"bare call of the library for each packet. \"of bare\" is the engine's rate in\n"
	"percent of the bare one. MB are 10^6 bytes of plaintext.\n";

int crypto_main(int argc, char **argv)
{
	static const char *const labels[] = {"operation", "library", "size", NULL};
	static const struct report_metric metrics[] = {
		{"ns_per_packet", "ns", 1, .less_is_better = true},
		{"ns_per_packet_p10", "p10", 1, .less_is_better = true, .is_spread = true},
		{"ns_per_packet_p90", "p90", 1, .less_is_better = true, .is_spread = true},
		{"mbytes_per_s", "MB/s", 0},
		{"bare_ns_per_packet", "bare ns", 1, .less_is_better = true},
		{"percent_of_bare", "of bare %", 1},
		{0},
	};
	struct common_options common = {.time_s = 0.2};
	const char *library = NULL;
	double batch = 45;
	const struct option_spec own[] = {
		{"library", "NAME", "only this one: sodium or ipsec-mb", .text = &library},
		{"batch", "PACKETS", "in one call", .number = &batch, .min = 1, .max = BATCH_MAX},
		{0},
	};
	const struct options_command command = {.name = "crypto", .about = about, .own = own};

	int status = options_parse(&command, &common, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	if (library && strcmp(library, cipher_library_name(CIPHER_SODIUM)) != 0 &&
	    strcmp(library, cipher_library_name(CIPHER_IPSEC_MB)) != 0) {
		fprintf(stderr, "vtbench: no library \"%s\": sodium or ipsec-mb\n", library);
		return VTBENCH_USAGE;
	}
	status = crypto_ready();
	if (status)
		return status;
	struct report *r = options_report(&common, "crypto", labels, metrics);
	status = measure_all(r, library, (unsigned)batch, common.time_s);
	int written = options_finish(r, &common, "size", "mbytes_per_s");
	return status ? status : written;
}
