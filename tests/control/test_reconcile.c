/* SPDX-License-Identifier: MIT */
#include "control/reconcile.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Somebody who writes down what is to be done. */
struct recorder {
	struct reconciler by;
	char done[256];
	const char *fails_at; /* what cannot be readied; NULL: all can */
	bool fails_at_all;
};

static int note(struct reconciler *by, const char *what, const char *name)
{
	struct recorder *r = (struct recorder *)by;
	size_t len = strlen(r->done);

	if (r->fails_at && !strcmp(r->fails_at, name))
		return -EADDRINUSE;
	snprintf(r->done + len, sizeof r->done - len, "%s%s %s", len ? ", " : "", what, name);
	return 0;
}

static RECONCILE_STEP(add_link)
{
	cr_expect(ne(ptr, (void *)list->to, NULL));
	note(by, "link", change->new_link->name);
}

static RECONCILE_STEP(add_peer)
{
	(void)list;
	note(by, "peer", change->new_peer->name);
}

static RECONCILE_READY(ready_peer)
{
	(void)list;
	return note(by, "ready", change->new_peer->name);
}

static RECONCILE_STEP(drop_peer)
{
	(void)list;
	note(by, "drop", change->new_peer->name);
}

static int ready_all(struct reconciler *by, const struct change_list *list)
{
	struct recorder *r = (struct recorder *)by;

	cr_expect(ne(ptr, (void *)list->to, NULL));
	return r->fails_at_all ? -ENOMEM : note(by, "ready", "all");
}

static RECONCILE_STEP(remove_link)
{
	(void)list;
	note(by, "no link", change->old_link->name);
}

static RECONCILE_STEP(remove_peer)
{
	(void)list;
	note(by, "no peer", change->old_peer->name);
}

static RECONCILE_STEP(refuse)
{
	(void)list;
	note(by, "refused", change->old_peer->name);
}

static struct desired_link links[] = {{.name = "l0", .weight = 1}, {.name = "l1", .weight = 1}};
static struct desired_peer peers[] = {{.name = "p0", .public_key = {9}},
                                      {.name = "p1", .public_key = {1}}};
static uint8_t private_key[KEY_LEN];
static const struct desired both = {.private_key = private_key,
                                    .links = links,
                                    .link_count = 2,
                                    .peers = peers,
                                    .peer_count = 2};
static const struct desired first = {.private_key = private_key,
                                     .links = links,
                                     .link_count = 2,
                                     .peers = peers,
                                     .peer_count = 1};
static struct recorder recorder;

static void setup(void)
{
	recorder = (struct recorder){0};
	recorder.by.step[CHANGE_LINK_ADD] = add_link;
	recorder.by.step[CHANGE_PEER_ADD] = add_peer;
}

TestSuite(reconcile, .init = setup);

Test(reconcile, start_is_the_way_from_nothing)
{
	cr_expect(eq(int, reconcile(&recorder.by, NULL, &both), 0));
	cr_expect(eq(str, recorder.done, (char *)"link l0, link l1, peer p0, peer p1"));
}

Test(reconcile, what_is_there_already_is_left_alone)
{
	cr_expect(eq(int, reconcile(&recorder.by, &first, &both), 0));
	cr_expect(eq(str, recorder.done, (char *)"peer p1"));
	cr_expect(eq(int, reconcile(&recorder.by, &both, &both), 0));
	cr_expect(eq(str, recorder.done, (char *)"peer p1"));
}

Test(reconcile, list_with_a_step_that_nobody_can_do_is_refused_untouched)
{
	recorder.by.ready_all = ready_all;
	cr_expect(eq(int, reconcile(&recorder.by, &both, &first), -ENOTSUP));
	cr_expect(eq(str, recorder.done, (char *)""));
	recorder.by.refuse = refuse;
	cr_expect(eq(int, reconcile(&recorder.by, &both, &first), -ENOTSUP));
	cr_expect(eq(str, recorder.done, (char *)"refused p1"));
	recorder.by.step[CHANGE_PEER_REMOVE] = remove_peer;
	cr_expect(eq(int, reconcile(&recorder.by, &both, &first), 0));
	cr_expect(eq(str, recorder.done, (char *)"refused p1, ready all, no peer p1"));
}

Test(reconcile, all_is_ready_before_anything_is_done)
{
	recorder.by.ready[CHANGE_PEER_ADD] = ready_peer;
	recorder.by.drop[CHANGE_PEER_ADD] = drop_peer;
	recorder.by.ready_all = ready_all;
	cr_expect(eq(int, reconcile(&recorder.by, NULL, &both), 0));
	cr_expect(eq(str, recorder.done,
	             (char *)"ready p0, ready p1, ready all, link l0, link l1, peer p0, peer p1"));
}

Test(reconcile, step_that_cannot_be_readied_ends_it_and_those_before_are_dropped)
{
	recorder.by.ready[CHANGE_PEER_ADD] = ready_peer;
	recorder.by.drop[CHANGE_PEER_ADD] = drop_peer;
	recorder.fails_at = "p1";
	cr_expect(eq(int, reconcile(&recorder.by, NULL, &both), -EADDRINUSE));
	cr_expect(eq(str, recorder.done, (char *)"ready p0, drop p0"));
}

Test(reconcile, so_are_all_without_what_they_have_in_common)
{
	recorder.by.ready[CHANGE_PEER_ADD] = ready_peer;
	recorder.by.drop[CHANGE_PEER_ADD] = drop_peer;
	recorder.by.ready_all = ready_all;
	recorder.fails_at_all = true;
	cr_expect(eq(int, reconcile(&recorder.by, NULL, &both), -ENOMEM));
	cr_expect(eq(str, recorder.done, (char *)"ready p0, ready p1, drop p0, drop p1"));
}

Test(reconcile, end_is_the_start_backwards)
{
	recorder.by.step[CHANGE_PEER_REMOVE] = remove_peer;
	recorder.by.step[CHANGE_LINK_REMOVE] = remove_link;
	reconcile_to_nothing(&recorder.by, &both);
	cr_expect(eq(str, recorder.done, (char *)"no peer p1, no peer p0, no link l1, no link l0"));
}

Test(reconcile, end_readies_nothing_and_goes_on_behind_what_nobody_can_do)
{
	recorder.by.step[CHANGE_LINK_REMOVE] = remove_link;
	recorder.by.ready_all = ready_all;
	reconcile_to_nothing(&recorder.by, &both);
	cr_expect(eq(str, recorder.done, (char *)"no link l1, no link l0"));
}
