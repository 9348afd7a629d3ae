/* SPDX-License-Identifier: MIT */
/* What is said about a peer; see peer_rig.h. */
#include <errno.h>

#include "base/key_text.h"
#include "peer_case.h"

static char said[EFFECTS_LINE_LEN];
static enum log_level said_at;
static unsigned lines;

static void keep(struct effects *fx, enum log_level level, const char *line)
{
	(void)fx;
	strcpy(said, line);
	said_at = level;
	lines++;
}

static struct timespec fixed_clock(struct effects *fx)
{
	(void)fx;
	return (struct timespec){.tv_sec = 1800000000};
}

static void setup(void)
{
	case_setup();
	log_set_level(LOG_LEVEL_DEBUG);
	rig_path(&rig, 0);
	rig.control.fx->log = keep;
	rig.control.fx->wall_clock = fixed_clock;
	rig.peer->paths.followed = PATH_NONE;
}

TestSuite(peer_told, .init = setup, .fini = case_teardown);

/* The line that @news lead to, "" for none. */
static const char *told(enum peer_news news, struct news n)
{
	n.now_ns = rig.now_ns;
	n.path = origin(0);
	said[0] = 0;
	peer_hears(rig.peer, news, &n);
	return said;
}

static void expect(enum peer_news news, struct news n, enum log_level level, const char *line)
{
	cr_expect(eq(str, (char *)told(news, n), (char *)line));
	cr_expect(eq(int, said_at, level), "%s", line);
}

Test(peer_told, lines_begin_with_the_peer_and_tell_the_cause)
{
	expect(NEWS_RESTARTED, (struct news){0}, LOG_LEVEL_INFO, "peer=other: was restarted");
	expect(NEWS_SESSION_FAILED, (struct news){.error = ENOMEM}, LOG_LEVEL_ERROR,
	       "peer=other: no session, Cannot allocate memory");
	expect(NEWS_KEYS_OLD, (struct news){0}, LOG_LEVEL_INFO,
	       "peer=other: session ended, its keys were too old");
	expect(NEWS_NO_PATH, (struct news){0}, LOG_LEVEL_WARNING,
	       "peer=other: no path left, packets wait for one");
	expect(NEWS_GOODBYE, (struct news){0}, LOG_LEVEL_INFO,
	       "peer=other: says goodbye, trying to reach it again");
	expect(NEWS_EXTENDED, (struct news){0}, LOG_LEVEL_DEBUG,
	       "peer=other: sent the handshake initiation over another path");
	expect(NEWS_ANSWERED_COPY, (struct news){.link = rig_pair(&rig, 1)->link}, LOG_LEVEL_DEBUG,
	       "peer=other link=link-1: answered a copy of the handshake initiation");
}

Test(peer_told, plain_peer_is_told_when_it_was_none_before)
{
	expect(NEWS_PLAIN, (struct news){.is_new = true}, LOG_LEVEL_INFO,
	       "peer=other: is plain WireGuard, one link at a time");
	cr_expect(eq(str, (char *)told(NEWS_PLAIN, (struct news){0}), ""));
	rig.peer->set.requires_bonding = true;
	expect(NEWS_PLAIN, (struct news){.is_new = true}, LOG_LEVEL_INFO,
	       "peer=other: is plain WireGuard, one link at a time; bonding is required, its data "
	       "is refused");
}

Test(peer_told, lines_about_a_path_name_it)
{
	char expected[256];

	health_assume_up(&origin(0)->health, "answers", rig.now_ns);
	snprintf(expected, sizeof expected, "peer=other path=0 link=link-0 remote=%s: up, answers",
	         rig.address[0]);
	expect(NEWS_PATH_CHANGED, (struct news){0}, LOG_LEVEL_INFO, expected);
	expect(NEWS_PATH_ANSWERS, (struct news){.rtt_us = 1500}, LOG_LEVEL_INFO,
	       "peer=other path=0 link=link-0: up, answers, round trip 1.5 ms");
	expect(NEWS_TRAINS_REFUSED, (struct news){.error = EMSGSIZE, .bytes = 1251}, LOG_LEVEL_INFO,
	       "peer=other path=0 link=link-0: trains of datagrams are refused, Message too long; "
	       "those above 1251 bytes leave one by one");
	snprintf(expected, sizeof expected,
	         "peer=other path=0 link=link-0 remote=%s: new address, proved by the peer",
	         rig.address[0]);
	expect(NEWS_PATH_MOVED, (struct news){.why = "proved by the peer"}, LOG_LEVEL_INFO,
	       expected);
	cr_expect(eq(str, (char *)told(NEWS_PATH_MOVED, (struct news){0}), ""), "not worth a line");
	cr_expect(eq(str, (char *)told(NEWS_PATH_PROVED, (struct news){0}), ""), "known before");
}

Test(peer_told, what_the_system_refuses_again_and_again_is_told_once_a_minute)
{
	struct news n = {.error = EPERM};

	cr_expect(ne(ptr,
	             strstr(told(NEWS_PATH_REFUSED, n),
	                    "Operation not permitted, refused by the system, trying on"),
	             NULL));
	cr_expect(eq(str, (char *)told(NEWS_PATH_REFUSED, n), ""));
	rig.now_ns += 60 * NS_PER_S;
	cr_expect(ne(str, (char *)told(NEWS_PATH_REFUSED, n), ""));
}

Test(peer_told, old_initiation_is_told_with_what_it_means)
{
	rig.peer->answered.stale_by_s = 3600;
	cr_expect(ne(ptr, strstr(told(NEWS_STALE, (struct news){0}), "of a time 3600 s before"),
	             NULL));
	cr_expect(eq(int, said_at, LOG_LEVEL_WARNING));
	cr_expect(eq(str, (char *)told(NEWS_STALE, (struct news){0}), ""), "not each of them");
}

Test(peer_told, unanswered_initiations_name_all_that_can_be_compared)
{
	char ours[KEY_TEXT_LEN];

	rig.peer->handshake.attempts = 3;
	key_to_base64(ours, rig.control.identity->public_key);
	told(NEWS_UNANSWERED, (struct news){0});
	cr_expect(ne(ptr, strstr(said, "no answer to 3 handshake initiations"), NULL));
	cr_expect(ne(ptr, strstr(said, ours), NULL));
	cr_expect(ne(ptr, strstr(said, rig.address[0]), NULL));
	cr_expect(ne(ptr, strstr(said, "2027-01-15 08:00:00 UTC"), NULL), "%s", said);
	rig.peer->session.count = 1;
	told(NEWS_UNANSWERED, (struct news){0});
	cr_expect(ne(ptr, strstr(said, "it answered before"), NULL));
	cr_expect(eq(ptr, strstr(said, ours), NULL));
}

Test(peer_told, source_that_is_stale_is_a_detail)
{
	char expected[128];

	cr_assert(eq(int, endpoint_parse("192.0.2.9:7", 0, &origin(0)->route.local), 0));
	snprintf(expected, sizeof expected,
	         "peer=other path=%u link=link-0: no longer sends from 192.0.2.9:7",
	         path_id(&rig.peer->paths, origin(0)));
	expect(NEWS_SOURCE_STALE, (struct news){0}, LOG_LEVEL_DEBUG, expected);
}

Test(peer_told, shared_line_is_told_as_the_path_has_it)
{
	char expected[128];

	snprintf(expected, sizeof expected, "peer=other path=%u link=link-0: one line for two",
	         path_id(&rig.peer->paths, origin(0)));
	expect(NEWS_PATH_SHARES, (struct news){.why = "one line for two"}, LOG_LEVEL_INFO,
	       expected);
}

Test(peer_told, name_without_address_is_a_warning_that_says_when_it_is_tried_again)
{
	const struct news n = {.what = "a.test:7", .why = "Name or service not known"};

	expect(NEWS_NO_ADDRESS, n, LOG_LEVEL_WARNING,
	       "peer=other: no address of a.test:7, Name or service not known; asking again every "
	       "5 s");
	expect(NEWS_NAME_FAILED, n, LOG_LEVEL_WARNING,
	       "peer=other: no address of a.test:7, Name or service not known; keeping those known "
	       "before and asking again every 30 s");
}

Test(peer_told, session_is_news_for_people_the_first_time_and_after_silence)
{
	rig.peer->verdict.sent_marker = false;
	rig.peer->session.count = 1;
	told(NEWS_SESSION_MADE, (struct news){.is_initiator = true});
	rig.peer->session.count = 2;
	lines = 0;
	told(NEWS_SESSION_MADE, (struct news){.is_initiator = true});
	cr_expect(
		eq(str, said, "peer=other remote=to-be-proved: new session, we are the initiator"));
	cr_expect(eq(int, said_at, LOG_LEVEL_DEBUG));
	rig.peer->is_unreachable = true;
	told(NEWS_SESSION_MADE, (struct news){.is_initiator = true});
	cr_expect(eq(str, said,
	             "peer=other remote=to-be-proved: session established, we are the initiator"));
	cr_expect(eq(int, said_at, LOG_LEVEL_INFO));
}
