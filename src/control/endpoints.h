/* SPDX-License-Identifier: MIT */
/* endpoints.h - the configured endpoints of a peer: when a name is asked for, which addresses are
 * known, and which of them a path over a link leads to.
 *
 * Each path takes the first address that its link can reach, so one name may give IPv6 to one link
 * and IPv4 to another. It keeps the address as long as it is answered there; then it tries the
 * next, and after the last the first again. What stands in the places of the peer's paths is handed
 * in as facts, what is to be done about them is the caller's (peer_endpoints.h): nothing is led
 * anywhere here and nobody is asked.
 *
 * Time as argument. One thread (control): the system is asked for routes.
 */
#ifndef CONTROL_ENDPOINTS_H
#define CONTROL_ENDPOINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/desired.h"
#include "control/resolve.h"
#include "control/uplink.h"
#include "dataplane/route.h"
#include "sched/health.h"
#include "vtrunkd/limits.h"

/* An endpoint of which no address is known is asked for again after this, and after the second one
 * that is known and is not answered.
 */
#define ENDPOINT_ASK_SOON_NS  (5 * NS_PER_S)
#define ENDPOINT_ASK_AGAIN_NS (30 * NS_PER_S)

#define ENDPOINT_WRITTEN_LEN (RESOLVE_HOST_LEN + 16u) /* "[HOST]:PORT" with its zero */

/* What is known of one configured endpoint. */
struct known_endpoint {
	char text[ENDPOINT_WRITTEN_LEN];
	uint32_t number; /* in questions to the resolver: no two of a peer ever had one */
	int link;        /* id of the uplink that it is meant for; -1: of each that can reach it */
	unsigned count;  /* addresses of the last good answer; 0: none yet */
	struct endpoint address[RESOLVE_ENDPOINTS_MAX];
	bool is_asked;     /* an answer is still to come */
	bool has_failed;   /* the last one was an error */
	uint64_t asked_ns; /* when it was asked for last; 0: never */
};

/* All zero: none. */
struct endpoints {
	struct known_endpoint *known; /* in the order in which they came */
	unsigned count, room;
	uint32_t next_number;
};

/* What stands in one of the places of the peer's paths. */
struct endpoint_path {
	const struct route *route; /* NULL: nothing */
	int endpoint;              /* whose address that is; -1: learnt from the peer */
	bool has_target;           /* it leads there, else it is a candidate */
	bool is_answered;
	bool can_leave; /* the sockets of its link are there to send on */
};

struct endpoint_facts {
	struct endpoint_path path[PATHS_MAX];
	bool is_at_one_place; /* a plain peer with a session: other paths are not answered anyway */
	bool is_silent;       /* the second initiation in a row is on its way */
};

/* Copies @wanted, whose links are ids of uplinks. Returns 0 or -ENOMEM, with nothing kept. */
int endpoints_init(struct endpoints *endpoints, const struct desired_endpoint *wanted,
                   size_t count);
void endpoints_fini(struct endpoints *endpoints);

/* Makes room for @count in all. Returns 0 or -ENOMEM. */
int endpoints_reserve(struct endpoints *endpoints, size_t count);

/* One more, for which there is room: @text for the uplink with the id @link, or for each (-1). */
void endpoints_add(struct endpoints *endpoints, const char *text, int link);

/* Those behind it move up. */
void endpoints_remove(struct endpoints *endpoints, unsigned e);

/* By what is configured, by its number. -1: there is none. */
int endpoints_find(const struct endpoints *endpoints, const char *text, int link);
int endpoints_find_number(const struct endpoints *endpoints, uint32_t number);

/* Whether @address is one of those known of endpoint @e. */
bool endpoints_has_address(const struct endpoints *endpoints, unsigned e,
                           const struct endpoint *address);

/* How many addresses are known of endpoint @e, any number. */
unsigned endpoints_addresses(const struct endpoints *endpoints, int e);

/* Whether endpoint @e is meant for that link. */
bool endpoints_is_for(const struct endpoints *endpoints, unsigned e, unsigned uplink);

/* Sets in @ret the families of the numeric endpoints that link @uplink is to reach. True when any
 * endpoint is meant for it.
 */
bool endpoints_families(const struct endpoints *endpoints, unsigned uplink,
                        bool ret[LINK_FAMILIES]);

/* ---- which address ---- */

#define ENDPOINT_NEW_PATH -1

/* The address that a path of endpoint @e over @uplink has to lead to from now on; NULL: all is
 * well, or there is none. @ret_place: its place, ENDPOINT_NEW_PATH when it is to be made.
 */
const struct endpoint *endpoints_choose(const struct endpoints *endpoints, unsigned e,
                                        const struct uplink *uplink,
                                        const struct endpoint_facts *facts, int *ret_place);

/* The address behind that of the path in @place, which is over @uplink, round the list of those
 * that the link can reach; NULL: there is no other, or the path is no configured one.
 */
const struct endpoint *endpoints_next(const struct endpoints *endpoints, unsigned place,
                                      const struct uplink *uplink,
                                      const struct endpoint_facts *facts);

/* When a path of a bonded session that leads to an address of endpoint @e, any number, is to try
 * the next: at once (0) when it falls, after @timeout_ns when it has not been proved. NEVER_NS: it
 * stays.
 */
uint64_t endpoints_leave_at(const struct endpoints *endpoints, int e,
                            const struct path_health *health, uint64_t timeout_ns);

/* ---- names ---- */

/* When to ask for the addresses of endpoint @e: of each at first, then at most every 30 s of one
 * that is not answered on a link, whatever works on others. NEVER_NS: not now.
 */
uint64_t endpoints_ask_at(const struct endpoints *endpoints, unsigned e,
                          const struct uplinks *uplinks, const struct endpoint_facts *facts);

/* What is to be asked of the resolver. */
struct endpoint_question {
	char host[RESOLVE_HOST_LEN];
	uint16_t port;
};

enum endpoints_asked {
	ENDPOINTS_KNOWN,   /* it has a numeric address, which is its own answer */
	ENDPOINTS_LOOK_UP, /* @ret is for the resolver, whose answer goes to endpoints_take() */
	ENDPOINTS_NO_NAME, /* it has a name that no resolver takes, so nothing is asked */
};

/* Endpoint @e is asked for now. */
enum endpoints_asked endpoints_ask(struct endpoints *endpoints, unsigned e, uint64_t now_ns,
                                   struct endpoint_question *ret);

/* The resolver could not be asked: without memory, say. The next time is due. */
void endpoints_not_asked(struct endpoints *endpoints, unsigned e);

enum endpoints_learnt {
	ENDPOINTS_LEARNT,       /* which addresses it has now */
	ENDPOINTS_FAILED,       /* the first of failures in a row, none is known */
	ENDPOINTS_KEPT,         /* the same, and those of the last good answer stay */
	ENDPOINTS_FAILED_AGAIN, /* one more */
};
enum endpoints_learnt endpoints_take(struct endpoints *endpoints, unsigned e,
                                     const struct resolve_answer *answer);

#endif
