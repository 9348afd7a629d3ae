/* SPDX-License-Identifier: MIT */
#include "control/uplink_trouble.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static struct link sockets = {.name = "dsl"};
static struct uplink_pair pair;
static int before = -1, fds[2];

static void setup(void)
{
	static const struct line line;

	log_init(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
	uplink_pair_init(&pair, &sockets, AF_INET6, &line, false);
}

TestSuite(uplink_trouble, .init = setup);

Test(uplink_trouble, only_some_errors_are_mended_by_waiting)
{
	for (unsigned i = 0; i < 2; i++) {
		bool has_other = i;

		cr_expect(eq(int, uplink_trouble_of(-EADDRINUSE, has_other), UPLINK_TROUBLE_STAYS));
		cr_expect(eq(int, uplink_trouble_of(-EACCES, has_other), UPLINK_TROUBLE_STAYS));
		cr_expect(eq(int, uplink_trouble_of(-EPERM, has_other), UPLINK_TROUBLE_STAYS));
		cr_expect(eq(int, uplink_trouble_of(-ENODEV, has_other), UPLINK_TROUBLE_PASSES));
		cr_expect(eq(int, uplink_trouble_of(-EADDRNOTAVAIL, has_other),
		             UPLINK_TROUBLE_PASSES));
	}
	cr_expect(eq(int, uplink_trouble_of(-EAFNOSUPPORT, true), UPLINK_TROUBLE_NO_FAMILY));
	cr_expect(eq(int, uplink_trouble_of(-EAFNOSUPPORT, false), UPLINK_TROUBLE_PASSES));
}

static void begin_capture(void)
{
	before = dup(STDERR_FILENO);
	cr_assert(eq(int, pipe(fds), 0));
	dup2(fds[1], STDERR_FILENO);
}

/* What was logged since. */
static const char *captured(void)
{
	static char text[1024];
	ssize_t n;

	dup2(before, STDERR_FILENO);
	close(before);
	close(fds[1]);
	n = read(fds[0], text, sizeof text - 1);
	close(fds[0]);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void expect_told(int error, enum uplink_trouble trouble, const char *words)
{
	const char *text;

	begin_capture();
	uplink_trouble_tell(&pair, error, trouble, 5 * NS_PER_S);
	text = captured();
	cr_expect(strstr(text, "link=dsl: ") && strstr(text, words), "%s", text);
}

Test(uplink_trouble, people_are_told_what_and_when_it_is_tried_again)
{
	strcpy(pair.device, "wwan0");
	expect_told(-EADDRINUSE, UPLINK_TROUBLE_STAYS,
	            "cannot use [::]:0 on device wwan0, Address already in use");
	expect_told(-ENODEV, UPLINK_TROUBLE_PASSES, "No such device; trying again in 5 s");
	expect_told(-EAFNOSUPPORT, UPLINK_TROUBLE_NO_FAMILY,
	            "this system has no IPv6, using IPv4 alone");
}

Test(uplink_trouble, they_are_told_once)
{
	uplink_pair_set_state(&pair, UPLINK_WAITING, strerror(ENODEV), 1);
	begin_capture();
	uplink_trouble_tell(&pair, -ENODEV, UPLINK_TROUBLE_PASSES, 5 * NS_PER_S);
	cr_expect(eq(str, (char *)captured(), (char *)""));
	train_limit_set(&sockets.trains, TRAIN_ANY);
	train_limit_lower(&sockets.trains, 0, EIO);
	begin_capture();
	uplink_trouble_tell_trains(&sockets);
	cr_expect(ne(ptr, strstr(captured(), "the device refuses trains of datagrams"), NULL));
	begin_capture();
	uplink_trouble_tell_trains(&sockets);
	cr_expect(eq(str, (char *)captured(), (char *)""));
}
