/* SPDX-License-Identifier: MIT */
/* allowedips.c - `vtbench allowedips`: building the table of allowed IPs and asking it. */
#include "dataplane/allowedips.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "bench/options.h"
#include "bench/vtbench.h"

#define PREFIXES_MAX 100000u
#define ADDRESSES    4096u /* asked for, one after another and then again */
#define TRIES_MAX    1000u /* to find an address that no prefix holds */
#define SEED         2u

/* Lengths of the prefixes, drawn evenly: from a site's network to a single host. */
static const struct {
	const char *name;
	uint8_t family, bytes, len_min, len_max;
} families[] = {
	{"ipv4", AF_INET, 4, 16, 32},
	{"ipv6", AF_INET6, 16, 32, 128},
};

struct allowedips_work {
	unsigned family; /* index into families */
	struct allowedips_entry *entries;
	size_t len;
	struct allowedips *table; /* asked by the lookups */
	uint8_t hit[ADDRESSES][16], miss[ADDRESSES][16];
	uint64_t random;
};

static void random_address(struct allowedips_work *w, uint8_t addr[static 16])
{
	uint64_t words[2] = {measure_random(&w->random), measure_random(&w->random)};

	memcpy(addr, words, sizeof words);
	if (families[w->family].bytes == 16)
		addr[0] = 0x20 | (addr[0] & 0x1f); /* 2000::/3, global unicast */
	else
		memset(addr + 4, 0, 12);
}

static void fill_entries(struct allowedips_work *w)
{
	unsigned least = families[w->family].len_min, most = families[w->family].len_max;

	for (size_t i = 0; i < w->len; i++) {
		struct prefix *p = &w->entries[i].prefix;

		p->family = families[w->family].family;
		p->len = least + measure_random(&w->random) % (most - least + 1);
		random_address(w, p->addr);
		prefix_mask(p);
		w->entries[i].peer = &w->entries[i];
	}
}

static void *look_up(const struct allowedips_work *w, const uint8_t addr[static 16])
{
	return families[w->family].bytes == 4 ? allowedips_lookup4(w->table, addr)
	                                      : allowedips_lookup6(w->table, addr);
}

/* An address inside a prefix drawn at random; with @flip one bit of the prefix is wrong. */
static void address_near(struct allowedips_work *w, bool flip, uint8_t addr[static 16])
{
	const struct prefix *p = &w->entries[measure_random(&w->random) % w->len].prefix;

	random_address(w, addr);
	for (unsigned bit = 0; bit < p->len; bit++) {
		uint8_t mask = 0x80 >> bit % 8;

		addr[bit / 8] = (addr[bit / 8] & ~mask) | (p->addr[bit / 8] & mask);
	}
	if (flip) {
		unsigned bit = measure_random(&w->random) % p->len;

		addr[bit / 8] ^= 0x80 >> bit % 8;
	}
}

/* False when the table answers what it must not, or is so full that nothing misses. */
static bool fill_addresses(struct allowedips_work *w)
{
	for (unsigned i = 0; i < ADDRESSES; i++) {
		unsigned tries = 0;

		address_near(w, false, w->hit[i]);
		if (!look_up(w, w->hit[i]))
			return false;
		do
			address_near(w, true, w->miss[i]);
		while (look_up(w, w->miss[i]) && ++tries < TRIES_MAX);
		if (tries == TRIES_MAX)
			return false;
	}
	return true;
}

static uint64_t build_tables(void *arg, uint64_t repetitions)
{
	struct allowedips_work *w = arg;
	uint64_t took_ns = 0;

	for (uint64_t r = 0; r < repetitions; r++) {
		uint64_t begin_ns = measure_now_ns();
		struct allowedips *table = allowedips_build(w->entries, w->len);

		took_ns += measure_now_ns() - begin_ns;
		if (!table) {
			fputs("vtbench: out of memory\n", stderr);
			exit(VTBENCH_FAILED);
		}
		allowedips_destroy(table);
	}
	return took_ns;
}

static uint64_t ask(const struct allowedips_work *w, const uint8_t addresses[ADDRESSES][16],
                    uint64_t repetitions)
{
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions; r++)
		for (unsigned i = 0; i < ADDRESSES; i++)
			measure_keep(look_up(w, addresses[i]));
	return measure_now_ns() - begin_ns;
}

static uint64_t ask_hits(void *arg, uint64_t repetitions)
{
	const struct allowedips_work *w = arg;

	return ask(w, w->hit, repetitions);
}

static uint64_t ask_misses(void *arg, uint64_t repetitions)
{
	const struct allowedips_work *w = arg;

	return ask(w, w->miss, repetitions);
}

static int measure_row(struct report *r, struct allowedips_work *w, double time_s)
{
	static struct measure_task build, lookups[2];
	char text[24];

	fill_entries(w);
	w->table = allowedips_build(w->entries, w->len);
	if (!w->table || !fill_addresses(w)) {
		fprintf(stderr, "vtbench: %s, %zu prefixes: %s\n", families[w->family].name, w->len,
		        w->table ? "the table gives a wrong answer" : "out of memory");
		allowedips_destroy(w->table);
		return VTBENCH_FAILED;
	}
	build = (struct measure_task){.run = build_tables, .arg = w};
	lookups[0] = (struct measure_task){.run = ask_hits, .arg = w};
	lookups[1] = (struct measure_task){.run = ask_misses, .arg = w};
	measure(&build, 1, time_s);
	measure(lookups, 2, time_s);
	struct spread ms = measure_spread(&build, 1e6);
	struct spread hit = measure_spread(&lookups[0], ADDRESSES);
	struct spread miss = measure_spread(&lookups[1], ADDRESSES);
	snprintf(text, sizeof text, "%zu", w->len);
	report_add(r, (const char *[]){families[w->family].name, text},
	           (double[]){ms.median, ms.p10, ms.p90, hit.median, hit.p10, hit.p90, miss.median,
	                      miss.p10, miss.p90});
	allowedips_destroy(w->table);
	return VTBENCH_OK;
}

static int measure_all(struct report *r, double time_s)
{
	static const unsigned sizes[] = {10, 100, 1000, 10000, PREFIXES_MAX};
	static struct allowedips_work work;
	const unsigned size_count = sizeof sizes / sizeof *sizes;
	int status = VTBENCH_OK;

	work.random = SEED;
	work.entries = calloc(PREFIXES_MAX, sizeof *work.entries);
	if (!work.entries) {
		fputs("vtbench: out of memory\n", stderr);
		return VTBENCH_FAILED;
	}
	for (unsigned i = 0; i < 2 * size_count && !status; i++) {
		work.family = i / size_count;
		work.len = sizes[i % size_count];
		report_progress(r, i + 1, 2 * size_count, families[work.family].name);
		status = measure_row(r, &work, time_s);
	}
	free(work.entries);
	return status;
}

static const char about[] =
	"The time to build the table of allowed IPs from random prefixes (IPv4 /16 to /32,\n"
	"IPv6 /32 to /128), and per lookup of addresses that a prefix holds and of\n"
	"addresses that no prefix holds, although all but one bit of one agree.\n";

int allowedips_main(int argc, char **argv)
{
	static const char *const labels[] = {"family", "prefixes", NULL};
	static const struct report_metric metrics[] = {
		{"build_ms", "build ms", 3, .less_is_better = true},
		{"build_ms_p10", "p10", 3, .less_is_better = true, .is_spread = true},
		{"build_ms_p90", "p90", 3, .less_is_better = true, .is_spread = true},
		{"ns_per_hit", "ns/hit", 1, .less_is_better = true},
		{"ns_per_hit_p10", "p10", 1, .less_is_better = true, .is_spread = true},
		{"ns_per_hit_p90", "p90", 1, .less_is_better = true, .is_spread = true},
		{"ns_per_miss", "ns/miss", 1, .less_is_better = true},
		{"ns_per_miss_p10", "p10", 1, .less_is_better = true, .is_spread = true},
		{"ns_per_miss_p90", "p90", 1, .less_is_better = true, .is_spread = true},
		{0},
	};
	static const struct options_command command = {
		.name = "allowedips",
		.about = about,
	};
	struct common_options common = {.time_s = 0.2};

	int status = options_parse(&command, &common, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	struct report *r = options_report(&common, "allowedips", labels, metrics);
	status = measure_all(r, common.time_s);
	int written = options_finish(r, &common, "prefixes", "ns_per_hit");
	return status ? status : written;
}
