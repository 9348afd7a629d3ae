/* SPDX-License-Identifier: MIT */
/* Requests, answers and clients of every kind; see ctl_rig.h. */
#include "control/ctl_socket.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "ctl_rig.h"

#define LONG_REPLY (4u << 20) /* bytes: several times as long as a socket's buffer */

TestSuite(ctl_socket, .init = ctl_start, .fini = ctl_stop);

Test(ctl_socket, a_line_is_asked_and_its_answer_comes)
{
	cr_assert(eq(int, ctl_create(), 0));
	cr_assert(eq(str, (char *)ctl_ask("colour?\r\nand then", 18), (char *)"ok"));
	cr_assert(eq(str, ctl.service.line, (char *)"colour?\r"),
	          "the first line, without its end");
	cr_assert(eq(uint, ctl.service.asked, 1));
	cr_assert(eq(uint, ctl.service.gone, 1));
	cr_assert(eq(str, (char *)ctl_ask("\n", 1), (char *)"ok"), "an empty one is a line, too");
	cr_assert(eq(str, ctl.service.line, (char *)""));
}

Test(ctl_socket, answer_may_come_later)
{
	cr_assert(eq(int, ctl_create(), 0));
	ctl.service.is_late = true;
	int first = ctl_client(), second = ctl_client();
	ctl_say(first, "a\n", 2);
	ctl_say(second, "b\n", 2);
	ctl_turn_until_idle(); /* and nobody keeps the loop awake meanwhile */
	cr_assert(eq(uint, ctl.service.asked, 2));
	ctl_socket_answer(ctl.socket, 1);
	cr_assert(eq(str, (char *)ctl_verdict(ctl_hear(second)), (char *)"ok"));
	cr_assert(not(ctl_is_closed(first)));
	ctl_socket_answer(ctl.socket, 0);
	cr_assert(eq(str, (char *)ctl_verdict(ctl_hear(first)), (char *)"ok"));
	close(first);
	close(second);
}

Test(ctl_socket, who_leaves_before_the_answer_is_told)
{
	cr_assert(eq(int, ctl_create(), 0));
	ctl.service.is_late = true;
	int fd = ctl_client();
	ctl_say(fd, "a\n", 2);
	ctl_turn_until_idle();
	cr_assert(eq(uint, ctl.service.gone, 0));
	close(fd);
	ctl_turn_until_idle();
	cr_assert(eq(uint, ctl.service.gone, 1));
	fd = ctl_client();
	ctl_say(fd, "b\n", 2);
	ctl_turn_until_idle();
	ctl.now_ns += CTL_CLIENT_NS;
	ctl_turn();
	cr_assert(eq(uint, ctl.service.gone, 2), "nor does it wait for ever");
	close(fd);
}

Test(ctl_socket, end_of_sending_ends_a_line_too)
{
	cr_assert(eq(int, ctl_create(), 0));
	int fd = ctl_client();
	ctl_say(fd, STATUS_REQUEST, strlen(STATUS_REQUEST) - 1);
	ctl_turn_until_idle();
	shutdown(fd, SHUT_WR);
	cr_assert(eq(str, (char *)ctl_verdict(ctl_hear(fd)), (char *)"ok"));
	close(fd);
	fd = ctl_client();
	shutdown(fd, SHUT_WR);
	cr_assert(eq(str, ctl_hear(fd), (char *)""));
	close(fd);
}

Test(ctl_socket, line_may_have_the_limit_and_no_byte_more)
{
	char *line = malloc(3 * CTL_REQUEST_MAX);

	cr_assert(eq(int, ctl_create(), 0));
	memset(line, ' ', 3 * CTL_REQUEST_MAX);
	memcpy(line, STATUS_REQUEST, strlen(STATUS_REQUEST) - 1);
	line[CTL_REQUEST_MAX - 1] = '\n';
	cr_assert(eq(str, (char *)ctl_ask(line, CTL_REQUEST_MAX), (char *)"ok"));
	line[CTL_REQUEST_MAX - 1] = ' ';
	line[CTL_REQUEST_MAX] = '\n';
	cr_assert(eq(str, (char *)ctl_ask(line, CTL_REQUEST_MAX + 1), (char *)"too long"));
	line[CTL_REQUEST_MAX] = ' ';
	line[3 * CTL_REQUEST_MAX - 1] = '\n';
	cr_assert(eq(str, (char *)ctl_ask(line, 3 * CTL_REQUEST_MAX), (char *)"too long"));
	free(line);
}

Test(ctl_socket, request_may_come_byte_by_byte)
{
	cr_assert(eq(int, ctl_create(), 0));
	int fd = ctl_client();
	for (const char *at = STATUS_REQUEST; *at; at++)
		ctl_say(fd, at, 1);
	cr_assert(eq(str, (char *)ctl_verdict(ctl_hear(fd)), (char *)"ok"));
	close(fd);
}

Test(ctl_socket, client_that_does_not_finish_is_let_go)
{
	cr_assert(eq(int, ctl_create(), 0));
	int silent = ctl_client(), halfway = ctl_client();

	ctl_say(halfway, "{\"req", 6);
	ctl_turn_until_idle();
	ctl.now_ns += CTL_CLIENT_NS - 1;
	ctl_say(halfway, "uest", 4); /* more bytes are no more time */
	ctl_turn();
	cr_assert(not(ctl_is_closed(silent)));
	cr_assert(not(ctl_is_closed(halfway)));
	ctl.now_ns++;
	ctl_turn();
	cr_assert(ctl_is_closed(silent));
	cr_assert(ctl_is_closed(halfway));
	cr_assert(eq(u64, deadline_next_ns(&ctl.loop.deadlines), NEVER_NS));
	close(silent);
	close(halfway);
}

Test(ctl_socket, slow_reader_holds_up_nobody_and_gets_all)
{
	cr_assert(eq(int, ctl_create(), 0));
	ctl.service.reply_len = LONG_REPLY;
	int slow = ctl_client();
	ctl_say(slow, STATUS_REQUEST, strlen(STATUS_REQUEST));
	ctl_turn_until_idle(); /* as much as fits its buffers has gone out */
	cr_assert(not(ctl_is_closed(slow)));

	ctl.service.reply_len = 0;
	cr_assert(eq(str, (char *)ctl_ask(STATUS_REQUEST, strlen(STATUS_REQUEST)), (char *)"ok"));

	char *text = ctl_hear(slow);
	cr_assert(lt(sz, 1u << 20, strlen(text)));
	cr_assert(eq(str, (char *)ctl_verdict(text), (char *)"ok"));
	close(slow);
}

Test(ctl_socket, reader_that_stops_reading_is_let_go)
{
	cr_assert(eq(int, ctl_create(), 0));
	ctl.service.reply_len = LONG_REPLY;
	int slow = ctl_client();
	ctl_say(slow, STATUS_REQUEST, strlen(STATUS_REQUEST));
	ctl_turn_until_idle();
	ctl.now_ns += CTL_CLIENT_NS;
	ctl_turn();
	char *text = ctl_hear(slow);
	cr_assert(eq(ptr, strchr(text, '\n'), NULL), "it was told everything");
	close(slow);
}

Test(ctl_socket, clients_that_vanish_do_no_harm)
{
	cr_assert(eq(int, ctl_create(), 0));
	ctl.service.reply_len = LONG_REPLY;
	for (unsigned i = 0; i < 3 * CTL_CLIENTS_MAX; i++) {
		int fd = ctl_client();

		if (i % 3 > 0)
			ctl_say(fd, STATUS_REQUEST, i % 3 == 1 ? 5 : strlen(STATUS_REQUEST));
		if (i % 2)
			ctl_turn();
		close(fd);
		ctl_turn_until_idle();
		cr_assert(eq(u64, deadline_next_ns(&ctl.loop.deadlines), NEVER_NS));
	}
}

Test(ctl_socket, clients_beyond_the_limit_wait)
{
	int fds[CTL_CLIENTS_MAX];

	cr_assert(eq(int, ctl_create(), 0));
	for (unsigned i = 0; i < CTL_CLIENTS_MAX; i++) {
		fds[i] = ctl_client();
		ctl_turn_until_idle();
	}
	int late = ctl_client();
	ctl_say(late, STATUS_REQUEST, strlen(STATUS_REQUEST));
	ctl_turn_until_idle(); /* and the listener does not keep the loop awake */
	struct pollfd waiting = {.fd = late, .events = POLLIN};
	cr_assert(eq(int, poll(&waiting, 1, 0), 0), "the client beyond the limit was heard");

	close(fds[3]);
	cr_assert(eq(str, (char *)ctl_verdict(ctl_hear(late)), (char *)"ok"));
	ctl_say(fds[0], STATUS_REQUEST, strlen(STATUS_REQUEST));
	cr_assert(eq(str, (char *)ctl_verdict(ctl_hear(fds[0])), (char *)"ok"));
	close(late);
}

Test(ctl_socket, without_descriptors_it_pauses)
{
	struct rlimit few, before;

	cr_assert(eq(int, ctl_create(), 0));
	cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &before), 0));
	int fd = ctl_client();
	ctl_say(fd, "", 0);
	few = before;
	few.rlim_cur = (rlim_t)fd + 1;
	cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &few), 0));
	ctl_turn_until_idle();
	cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &before), 0));
	cr_assert(eq(int, ctl_turn(), 0));
	ctl.now_ns += NS_PER_S;
	ctl_turn();
	ctl_say(fd, STATUS_REQUEST, strlen(STATUS_REQUEST));
	cr_assert(eq(str, (char *)ctl_verdict(ctl_hear(fd)), (char *)"ok"));
	close(fd);
}

Test(ctl_socket, other_users_are_not_answered)
{
	if (geteuid() != 0)
		cr_skip("needs root to be somebody else");
	cr_assert(eq(int, ctl_create(), 0));
	/* Somebody opens the way by mistake. */
	cr_assert(eq(int, chmod(ctl.directory, 0755), 0));
	cr_assert(eq(int, chmod(ctl.path, 0666), 0));
	cr_assert(eq(int, seteuid(65534), 0));
	int stranger = ctl_client();
	cr_assert(eq(int, seteuid(0), 0));
	ctl_say(stranger, STATUS_REQUEST, strlen(STATUS_REQUEST));
	ctl_turn_until_idle();
	cr_assert(ctl_is_closed(stranger));
	cr_assert(eq(str, (char *)ctl_ask(STATUS_REQUEST, strlen(STATUS_REQUEST)), (char *)"ok"));
	close(stranger);
}

Test(ctl_socket, destroying_lets_go_of_clients_and_file)
{
	cr_assert(eq(int, ctl_create(), 0));
	int silent = ctl_client(), halfway = ctl_client();
	ctl_say(halfway, "{", 1);
	ctl_turn_until_idle();
	ctl_socket_destroy(ctl.socket);
	ctl.socket = NULL;
	cr_assert(ctl_is_closed(silent));
	cr_assert(ctl_is_closed(halfway));
	cr_assert(eq(int, access(ctl.path, F_OK), -1));
	cr_assert(eq(u64, deadline_next_ns(&ctl.loop.deadlines), NEVER_NS));
	cr_assert(eq(int, ctl_turn(), 0));
	close(silent);
	close(halfway);
}
