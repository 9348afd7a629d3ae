/* SPDX-License-Identifier: MIT */
/* What the data plane learnt of trains on a path: told once, tried again later, forgotten with the
 * way.
 */
#include <errno.h>

#include "peer_rig.h"

#define TEN_MINUTES (600 * NS_PER_S) /* for which the system keeps an MTU that it was told */

static struct peer_rig rig;
static struct path *path[RIG_LINKS];

static void start(void)
{
	rig_open(&rig);
	for (unsigned i = 0; i < RIG_LINKS; i++)
		path[i] = rig_path(&rig, i);
}

static void stop(void)
{
	rig_close(&rig);
}

TestSuite(path_trains, .init = start, .fini = stop);

static struct train_limit *limit_of(unsigned i)
{
	return &rig.peer->dp->path[path_id(&rig.peer->paths, path[i])].target->trains;
}

/* What peer_tell_trains() wrote to standard error. */
static const char *told(uint64_t now_ns)
{
	static char text[512];
	int fds[2], before = dup(STDERR_FILENO);

	cr_assert(eq(int, pipe(fds), 0));
	cr_assert(eq(int, fcntl(fds[0], F_SETFL, O_NONBLOCK), 0));
	dup2(fds[1], STDERR_FILENO);
	peer_tell_trains(rig.peer, now_ns);
	dup2(before, STDERR_FILENO);
	close(before);
	close(fds[1]);
	ssize_t n = read(fds[0], text, sizeof text - 1);
	text[n > 0 ? n : 0] = 0;
	close(fds[0]);
	return text;
}

Test(path_trains, begin_without_a_limit)
{
	for (unsigned i = 0; i < RIG_LINKS; i++)
		cr_expect(eq(uint, train_limit_max(limit_of(i)), TRAIN_ANY));
}

Test(path_trains, refusal_is_told_once_with_path_and_cause)
{
	const char *text;

	log_init(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	train_limit_lower(limit_of(1), 1251, EMSGSIZE);
	text = told(rig.now_ns);
	cr_expect(ne(ptr, strstr(text, "peer=other path=1 link=link-1: "), NULL), "%s", text);
	cr_expect(ne(ptr, strstr(text, strerror(EMSGSIZE)), NULL), "%s", text);
	cr_expect(ne(ptr, strstr(text, "above 1251 bytes"), NULL), "%s", text);
	cr_expect(eq(str, (char *)told(rig.now_ns), ""));
	train_limit_lower(limit_of(1), 1200, EMSGSIZE);
	cr_expect(eq(str, (char *)told(rig.now_ns), ""), "the same cause");
	cr_expect(eq(uint, train_limit_max(limit_of(0)), TRAIN_ANY), "the other path");
}

Test(path_trains, longer_ones_are_tried_again_after_some_minutes)
{
	uint64_t later = rig.now_ns + TEN_MINUTES;

	train_limit_lower(limit_of(0), 1251, EMSGSIZE);
	peer_tell_trains(rig.peer, rig.now_ns);
	train_limit_lower(limit_of(1), 900, EINVAL);
	peer_tell_trains(rig.peer, later);
	cr_expect(eq(uint, train_limit_max(limit_of(0)), 1251), "the system still knows the MTU");
	peer_tell_trains(rig.peer, later + 2 * 60 * NS_PER_S);
	cr_expect(eq(uint, train_limit_max(limit_of(0)), TRAIN_ANY));
	cr_expect(eq(uint, train_limit_max(limit_of(1)), 900), "each counts from its own refusal");
}

Test(path_trains, another_way_begins_anew)
{
	struct route route = rig_route(&rig, 0);

	train_limit_lower(limit_of(0), 1251, EMSGSIZE);
	train_limit_lower(limit_of(1), 1251, EMSGSIZE);
	endpoint_set_port(&route.remote, 9);
	peer_set_route(rig.peer, path[0], &route, rig.now_ns);
	cr_expect(eq(uint, train_limit_max(limit_of(0)), TRAIN_ANY));
	cr_expect(eq(uint, train_limit_max(limit_of(1)), 1251));
}

Test(path_trains, device_that_comes_back_gets_its_chance_again)
{
	train_limit_lower(limit_of(0), 1251, EMSGSIZE);
	train_limit_lower(limit_of(1), 1251, EMSGSIZE);
	peer_link_back(rig.peer, path[1]->route.link, rig.now_ns);
	cr_expect(eq(uint, train_limit_max(limit_of(0)), 1251));
	cr_expect(eq(uint, train_limit_max(limit_of(1)), TRAIN_ANY));
	cr_expect(eq(int, train_limit_take_error(limit_of(1)), 0));
}
