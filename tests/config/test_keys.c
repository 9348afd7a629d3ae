/* SPDX-License-Identifier: MIT */
/* The table against itself, against the limits that its texts speak of, and against what the daemon
 * takes when a key is absent.
 */
#include "config/keys.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "config/bounds.h"
#include "config/diff.h"
#include "config/diff_text.h"
#include "config/schema.h"
#include "crypto/init.h"
#include "desired_rig.h"
#include "vtrunkd/ctl.h"
#include "vtrunkd/limits.h"

static void setup(void)
{
	cr_assert(zero(int, crypto_init()));
}

TestSuite(keys, .init = setup);

/* ---- each rule by itself ---- */

/* Calls @visit for every rule that has a key, with its path. */
static void visit_all(const struct config_rule *keys, const char *parent,
                      void (*visit)(const struct config_rule *rule, const char *path))
{
	for (const struct config_rule *rule = keys; rule->key; rule++) {
		const struct config_rule *inner =
			rule->kind & CONFIG_LIST ? rule->inner->inner : rule->inner;
		char path[128];

		snprintf(path, sizeof path, "%s%s%s", parent, *parent ? "." : "", rule->key);
		visit(rule, path);
		if (inner)
			visit_all(inner, path, visit);
	}
}

static void expect_sound(const struct config_rule *rule, const char *path)
{
	bool is_text = rule->kind & CONFIG_TEXT, is_number = rule->kind & CONFIG_INTEGER;
	bool has_keys = rule->kind & (CONFIG_LIST | CONFIG_MAPPING);

	cr_expect(eq(ptr, (void *)config_rule_at(path), (void *)rule), "%s: given twice", path);
	cr_expect(eq(int, is_text, rule->form != CONFIG_FORM_NONE), "%s: form", path);
	cr_expect(not(is_text && !rule->allowed), "%s: nothing is said to be allowed", path);
	cr_expect(eq(int, has_keys, rule->inner != NULL), "%s: inner", path);
	cr_expect(eq(int, !!(rule->kind & CONFIG_WORD), rule->words != NULL), "%s: words", path);
	cr_expect(le(u64, rule->min, rule->max), "%s: range", path);
	cr_expect(not(is_number && !rule->max), "%s: range", path);
	cr_expect(not(rule->is_required && (rule->by_default || rule->without)),
	          "%s: required, with a default", path);
}

Test(keys, rule_has_what_its_kind_needs)
{
	visit_all(config_schema.inner, "", expect_sound);
}

/* They end up in a man page. */
static void expect_sentences(const struct config_rule *rule, const char *path)
{
	cr_assert(ne(ptr, (void *)rule->brief, NULL), "%s", path);
	cr_expect(eq(int, rule->brief[strlen(rule->brief) - 1], '.'), "%s", path);
	if (rule->more)
		cr_expect(eq(int, rule->more[strlen(rule->more) - 1], '.'), "%s", path);
}

Test(keys, description_is_made_of_sentences)
{
	visit_all(config_schema.inner, "", expect_sentences);
}

/* Two values in one place, or one beyond its struct, would be loaded as something else. */
static void expect_apart(const struct config_rule *keys, size_t size, const char *path)
{
	for (const struct config_rule *a = keys; a->key; a++) {
		size_t len = a->kind & CONFIG_LIST ? sizeof(void *) : a->size;

		cr_expect(le(sz, a->at + len, size), "%s.%s", path, a->key);
		for (const struct config_rule *b = keys; b != a; b++) {
			size_t other = b->kind & CONFIG_LIST ? sizeof(void *) : b->size;

			cr_expect(a->at + len <= b->at || b->at + other <= a->at, "%s: %s and %s",
			          path, b->key, a->key);
		}
		if (a->kind == CONFIG_MAPPING)
			expect_apart(a->inner, a->size, a->key);
		else if (a->kind & CONFIG_LIST && a->inner->inner)
			expect_apart(a->inner->inner, a->inner->size, a->key);
	}
}

Test(keys, value_has_a_place_of_its_own)
{
	expect_apart(config_schema.inner, config_schema.size, "document");
}

/* ---- texts that stand for limits ---- */

/* Each text of the table that has a limit in it, as it must be with today's limits. */
static void expect_says(const char *text, const char *fmt, uint64_t limit)
{
	char wanted[128];

	cr_assert(ne(ptr, (void *)text, NULL), "%s", fmt);
	snprintf(wanted, sizeof wanted, fmt, limit);
	cr_expect(ne(ptr, strstr(text, wanted), NULL), "\"%s\" is not in \"%s\"", wanted, text);
}

static const struct {
	const char *path;
	const char *fmt; /* with the limit */
	uint64_t limit;
	bool is_in_message; /* in what checks say too */
} limits[] = {
	{"network.buffer_size", "..%" PRIu64, UINT32_MAX},
	{"network.interface", "1..%" PRIu64 " characters", IFNAMSIZ - 1, true},
	{"wireguard.links.name", "1..%" PRIu64 " bytes", NAME_LEN - 1, true},
	{"wireguard.links.fwmark", "0..%" PRIu64, UINT32_MAX},
	{"wireguard.links", "list of 1..%" PRIu64 " mappings", LINKS_MAX},
	{"wireguard.peers", "list of 1..%" PRIu64 " mappings", PEERS_MAX},
	{"wireguard.peers.endpoints", "at most %" PRIu64, PATHS_MAX},
	{"dataplane.cpus", "at most %" PRIu64 " numbers", CONFIG_CPUS_MAX},
	{"control.run_dir", "at most %" PRIu64 " bytes", CTL_DIRECTORY_LEN_MAX, true},
};

Test(keys, value_of_the_man_page_has_the_limits_of_the_program)
{
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		const struct config_rule *rule = config_rule_at(limits[i].path);

		expect_says(rule->value, limits[i].fmt, limits[i].limit);
		if (limits[i].is_in_message)
			expect_says(rule->allowed, limits[i].fmt, limits[i].limit);
	}
}

Test(keys, sentences_of_the_man_page_have_the_limits_of_the_program)
{
	expect_says(config_rule_at("network.mtu")->more, "above %" PRIu64 " there",
	            INNER_MTU_MAX - CONFIG_TUNNEL_OVERHEAD);
	expect_says(config_rule_at("network.mtu")->more, "%" PRIu64 " fits", CONFIG_MTU_DEFAULT);
	expect_says(config_rule_at("wireguard.peers.allowed_ips")->more,
	            "At most %" PRIu64 " for all", ALLOWED_IPS_MAX);
}

/* The last "N..M" of a text. False when there is none. */
static bool find_range(const char *text, uint64_t *ret_min, uint64_t *ret_max)
{
	bool is_found = false;

	for (const char *dots = text; (dots = strstr(dots, "..")); dots += 2) {
		const char *start = dots;

		while (start > text && start[-1] >= '0' && start[-1] <= '9')
			start--;
		is_found |= start < dots &&
		            sscanf(start, "%" SCNu64 "..%" SCNu64, ret_min, ret_max) == 2;
	}
	return is_found;
}

/* A range that is written beside the rule says what the rule says. */
static void expect_same_range(const struct config_rule *rule, const char *path)
{
	const struct config_rule *number = rule;
	uint64_t min, max;

	if (!rule->value || !find_range(rule->value, &min, &max))
		return;
	if (rule->kind & CONFIG_MAPPING)
		number = rule->inner->inner; /* dataplane.cpus: of the entries of its lists */
	if (!(number->kind & (CONFIG_INTEGER | CONFIG_LIST)))
		return;
	cr_expect(eq(u64, min, number->min), "%s: \"%s\"", path, rule->value);
	cr_expect(eq(u64, max, number->max), "%s: \"%s\"", path, rule->value);
}

Test(keys, range_of_the_man_page_is_that_of_the_rule)
{
	visit_all(config_schema.inner, "", expect_same_range);
}

/* ---- defaults ---- */

/* A good document with @more in the section of the key at @path, or in its first link or peer. */
static struct desired *with_key(const char *path, const char *more)
{
	static const char *const places[] = {"network.",   "wireguard.links.", "wireguard.peers.",
	                                     "wireguard.", "dataplane.",       "control.",
	                                     "logging."};
	enum {
		PLACES = sizeof places / sizeof places[0]
	};
	const char *in[PLACES] = {"", "", "", "", "", "", ""};
	size_t i = 0;
	char *text;

	while (i < PLACES && strncmp(path, places[i], strlen(places[i])) != 0)
		i++;
	cr_assert(lt(sz, i, PLACES), "%s", path);
	in[i] = more;
	bool has_list = i == 2;
	cr_assert(lt(int, 0,
	             asprintf(&text,
	                      "network: {%s}\n"
	                      "wireguard: {private_key: \"" OWN_KEY "\", links: [{%s}], "
	                      "%s%s%s, %s}\n"
	                      "dataplane: {%s}\ncontrol: {%s}\nlogging: {%s}\n",
	                      in[0], in[1],
	                      has_list ? "peers: [{public_key: \"" KEY_A
	                                 "\", allowed_ips: [10.0.0.1], "
	                               : "peer_public_key: \"" KEY_A "\"",
	                      in[2], has_list ? "}]" : "", in[3], in[4], in[5], in[6])));
	struct desired *desired = desired_of_text(text);
	free(text);
	return desired;
}

/* Whether the key at @path with @value is the same as without the key. */
static bool is_as_without(const char *path, const char *key, const char *value)
{
	struct change_list list;
	char given[128];

	snprintf(given, sizeof given, "%s: %s", key, value);
	struct desired *from = with_key(path, " "), *to = with_key(path, given);

	cr_assert(zero(int, desired_diff(from, to, &list)));
	bool is_same = !list.count;
	change_list_fini(&list);
	desired_free(from);
	desired_free(to);
	return is_same;
}

static unsigned defaults_seen;

static void expect_default(const struct config_rule *rule, const char *path)
{
	if (!rule->by_default)
		return;
	defaults_seen++;
	cr_expect(is_as_without(path, rule->key, rule->by_default), "%s: %s", path,
	          rule->by_default);
}

Test(keys, default_of_the_man_page_is_what_an_absent_key_means)
{
	visit_all(config_schema.inner, "", expect_default);
	cr_expect(ge(uint, defaults_seen, 14));
	cr_expect(not(is_as_without("network.mtu", "mtu", "1419"))); /* the question can fail */
	cr_expect(not(is_as_without("wireguard.links.weight", "weight", "2")));
	cr_expect(not(is_as_without("wireguard.links.role", "role", "backup")));
	cr_expect(not(is_as_without("wireguard.peers.persistent_keepalive", "persistent_keepalive",
	                            "1")));
}
