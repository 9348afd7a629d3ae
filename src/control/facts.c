/* SPDX-License-Identifier: MIT */
/* The tables are made from the lists of vtrunkd/status.h: what is in a list and not in its struct,
 * or lies there as another type than the list says, does not compile.
 */
#include "control/facts.h"

#include <stdlib.h>
#include <string.h>

/* What each type of the lists is in C. */
typedef char as_TEXT[];
typedef const char *as_WORD;
typedef uint64_t as_COUNT;
typedef int64_t as_NUMBER;
typedef double as_REAL;
typedef bool as_FLAG;
typedef struct endpoint as_ENDPOINT;
typedef struct endpoint as_ENDPOINTS[LINK_FAMILIES];
typedef uint8_t as_KEY[KEY_LEN];
typedef struct prefix_list as_PREFIXES;
typedef struct fact_list as_LIST;
typedef uint64_t as_COUNTS[DROP_REASON_COUNT];

/* The table of an OBJECT or a LIST; anything else has none. */
#define TABLE_OF_TEXT(name)      NULL
#define TABLE_OF_WORD(name)      NULL
#define TABLE_OF_COUNT(name)     NULL
#define TABLE_OF_NUMBER(name)    NULL
#define TABLE_OF_REAL(name)      NULL
#define TABLE_OF_FLAG(name)      NULL
#define TABLE_OF_ENDPOINT(name)  NULL
#define TABLE_OF_ENDPOINTS(name) NULL
#define TABLE_OF_KEY(name)       NULL
#define TABLE_OF_PREFIXES(name)  NULL
#define TABLE_OF_COUNTS(name)    NULL
#define TABLE_OF_OBJECT(name)    of_##name
#define TABLE_OF_LIST(name)      of_##name

#define IS_AS(in, name, as) __builtin_types_compatible_p(__typeof__(((struct in *)0)->name), as)

#define MEMBER(in, name, type, unit, help) \
	{#name,                            \
	 STATUS_##type,                    \
	 STATUS_##unit,                    \
	 help,                             \
	 offsetof(struct in, name),        \
	 TABLE_OF_##type(name)},
#define CHECK(in, name, type) \
	_Static_assert(STATUS_##type == STATUS_OBJECT || IS_AS(in, name, as_##type), #in "." #name);

#define TUN_MEMBER(...)  MEMBER(facts_tun, __VA_ARGS__)
#define ECN_MEMBER(...)  MEMBER(facts_ecn, __VA_ARGS__)
#define POOL_MEMBER(...) MEMBER(facts_pool, __VA_ARGS__)
#define LINK_MEMBER(...) MEMBER(facts_link, __VA_ARGS__)
#define PATH_MEMBER(...) MEMBER(facts_path, __VA_ARGS__)
#define PEER_MEMBER(...) MEMBER(facts_peer, __VA_ARGS__)
#define THE_MEMBER(...)  MEMBER(facts, __VA_ARGS__)

static const struct fact_member of_tun[] = {STATUS_TUN_MEMBERS(TUN_MEMBER){0}};
static const struct fact_member of_ecn[] = {STATUS_ECN_MEMBERS(ECN_MEMBER){0}};
static const struct fact_member of_pool[] = {STATUS_POOL_MEMBERS(POOL_MEMBER){0}};
static const struct fact_member of_links[] = {STATUS_LINK_MEMBERS(LINK_MEMBER){0}};
static const struct fact_member of_paths[] = {STATUS_PATH_MEMBERS(PATH_MEMBER){0}};
static const struct fact_member of_peers[] = {STATUS_PEER_MEMBERS(PEER_MEMBER){0}};
const struct fact_member facts_members[] = {STATUS_MEMBERS(THE_MEMBER){0}};

typedef int as_OBJECT; /* never looked at */
#define TUN_CHECK(name, type, unit, help)  CHECK(facts_tun, name, type)
#define ECN_CHECK(name, type, unit, help)  CHECK(facts_ecn, name, type)
#define POOL_CHECK(name, type, unit, help) CHECK(facts_pool, name, type)
#define LINK_CHECK(name, type, unit, help) CHECK(facts_link, name, type)
#define PATH_CHECK(name, type, unit, help) CHECK(facts_path, name, type)
#define PEER_CHECK(name, type, unit, help) CHECK(facts_peer, name, type)
#define THE_CHECK(name, type, unit, help)  CHECK(facts, name, type)

STATUS_TUN_MEMBERS(TUN_CHECK)
STATUS_ECN_MEMBERS(ECN_CHECK)
STATUS_POOL_MEMBERS(POOL_CHECK)
STATUS_LINK_MEMBERS(LINK_CHECK)
STATUS_PATH_MEMBERS(PATH_CHECK)
STATUS_PEER_MEMBERS(PEER_CHECK)
STATUS_MEMBERS(THE_CHECK)

/* ---- memory ---- */

struct facts *facts_create(void)
{
	return calloc(1, sizeof(struct facts));
}

/* What each has as its first member. */
static struct fact_item *append(struct fact_list *list, size_t size)
{
	struct fact_item *item = calloc(1, size);

	if (!item)
		return NULL;
	if (list->last)
		list->last->next = item;
	else
		list->first = item;
	list->last = item;
	return item;
}

struct facts_link *facts_add_link(struct facts *facts)
{
	return (struct facts_link *)append(&facts->links, sizeof(struct facts_link));
}

struct facts_peer *facts_add_peer(struct facts *facts)
{
	return (struct facts_peer *)append(&facts->peers, sizeof(struct facts_peer));
}

struct facts_path *facts_add_path(struct facts_peer *peer)
{
	return (struct facts_path *)append(&peer->paths, sizeof(struct facts_path));
}

bool facts_set_allowed_ips(struct facts_peer *peer, const struct prefix *prefix, size_t count)
{
	struct prefix *copy = count ? malloc(count * sizeof *copy) : NULL;

	if (count && !copy)
		return false;
	if (count)
		memcpy(copy, prefix, count * sizeof *copy);
	free(peer->allowed_ips.prefix);
	peer->allowed_ips = (struct prefix_list){.count = count, .prefix = copy};
	return true;
}

static bool set_text(const char **at, const char *text)
{
	free((char *)*at);
	*at = *text ? strdup(text) : NULL;
	return *at || !*text;
}

bool facts_set_note(struct facts_path *path, const char *note)
{
	return set_text(&path->note, note);
}

bool facts_set_why(struct facts_path *path, const char *why)
{
	return set_text(&path->why, why);
}

/* ---- letting go ---- */

static void free_list(struct fact_list *list, void (*fini)(struct fact_item *item))
{
	for (struct fact_item *item = list->first, *next; item; item = next) {
		next = item->next;
		if (fini)
			fini(item);
		free(item);
	}
}

static void fini_path(struct fact_item *item)
{
	free((char *)((struct facts_path *)item)->note);
	free((char *)((struct facts_path *)item)->why);
}

static void fini_peer(struct fact_item *item)
{
	struct facts_peer *peer = (struct facts_peer *)item;

	free(peer->allowed_ips.prefix);
	free_list(&peer->paths, fini_path);
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	free_list(&facts->links, NULL);
	free_list(&facts->peers, fini_peer);
	free(facts);
}
