/* SPDX-License-Identifier: MIT */
/* What an old kernel or a container's profile does to a system call, a filter of our own does
 * here: each test is a process of its own, and it ends with it.
 */
#include "control/loop.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "base/thread.h"

static struct loop loop;

static void start(void)
{
	rcu_register_thread();
	cr_assert(eq(int, loop_init(&loop), 0));
}

static void stop(void)
{
	loop_fini(&loop);
	rcu_unregister_thread();
}

TestSuite(loop, .init = start, .fini = stop);

/* From now on the call @number fails with @error in this process. */
static void refuse(long number, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		cr_skip("no filter of system calls here");
}

static uint64_t expired_ns;

static void expire(struct deadline *d, uint64_t now_ns)
{
	(void)d;
	expired_ns = now_ns;
}

static unsigned calls;

static void be_ready(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	uint64_t count;

	(void)events, (void)now_ns;
	calls += eventfd_read(source->fd, &count) == 0;
}

/* Turns until the deadline has come. However long it takes, it must not be many: one that sleeps
 * to its end, perhaps one more for what the clocks round.
 */
static void expect_patience(uint64_t wait_ns)
{
	struct deadline d = {.expired = expire};
	uint64_t at_ns = clock_boot_ns() + wait_ns;
	unsigned turns = 0;

	expired_ns = 0;
	deadline_set(&loop.deadlines, &d, at_ns);
	while (!expired_ns && turns < 1000) {
		cr_assert(eq(int, loop_turn(&loop), 0));
		turns++;
	}
	cr_expect(ge(u64, expired_ns, at_ns), "not before its time");
	cr_expect(le(uint, turns, 2), "%u turns in %g ms", turns, (double)wait_ns / NS_PER_MS);
}

static void expect_works(void)
{
	struct event_source source = {.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	                              .ready = be_ready};

	expect_patience(30 * NS_PER_MS + 1);
	expect_patience(100 * NS_PER_US);
	expect_patience(0);
	cr_assert(eq(int, loop_watch(&loop, &source, EPOLLIN), 0));
	eventfd_write(source.fd, 1);
	cr_expect(eq(int, loop_turn(&loop), 0)); /* without a deadline: nothing else would end it */
	cr_expect(eq(uint, calls, 1));
	loop_unwatch(&loop, &source);
	close(source.fd);
}

Test(loop, deadlines_and_events_come)
{
	expect_works();
}

#ifdef SYS_epoll_pwait2
Test(loop, kernel_without_the_precise_wait_will_do)
{
	refuse(SYS_epoll_pwait2, ENOSYS);
	expect_works();
	cr_expect(loop.is_rough);
}

Test(loop, profile_that_forbids_the_precise_wait_will_do)
{
	refuse(SYS_epoll_pwait2, EPERM);
	expect_works();
	cr_expect(loop.is_rough);
}

Test(loop, other_refusals_of_the_wait_are_told)
{
	refuse(SYS_epoll_pwait2, EINVAL);
	cr_expect(eq(int, loop_turn(&loop), -EINVAL));
	cr_expect(not(loop.is_rough));
}

/* A signal that is handled ends the wait: nothing is wrong. */
Test(loop, interruption_is_a_turn_without_events)
{
	struct deadline d = {.expired = expire};

	refuse(SYS_epoll_pwait2, EINTR);
	deadline_set(&loop.deadlines, &d, 1);
	cr_expect(eq(int, loop_turn(&loop), 0));
	cr_expect(ne(u64, expired_ns, 0), "what is due is not missed");
}
#endif

Test(loop, descriptor_that_is_gone_is_told)
{
	close(loop.epoll_fd);
	cr_expect(eq(int, loop_turn(&loop), -EBADF));
	loop.is_rough = true;
	cr_expect(eq(int, loop_turn(&loop), -EBADF));
	loop.epoll_fd = -1;
}

/* Weeks in nanoseconds are more milliseconds than an int holds. */
Test(loop, far_deadline_does_not_end_the_wait)
{
	static const bool is_rough[] = {false, true};
	struct event_source source = {.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC),
	                              .ready = be_ready};
	struct deadline d = {.expired = expire};

	cr_assert(eq(int, loop_watch(&loop, &source, EPOLLIN), 0));
	deadline_set(&loop.deadlines, &d, clock_boot_ns() + 400ull * 86400 * NS_PER_S);
	for (unsigned i = 0; i < 2; i++) {
		loop.is_rough = is_rough[i];
		calls = 0;
		eventfd_write(source.fd, 1);
		cr_expect(eq(int, loop_turn(&loop), 0));
		cr_expect(eq(uint, calls, 1));
		cr_expect(eq(u64, expired_ns, 0));
	}
	deadline_cancel(&loop.deadlines, &d);
	loop_unwatch(&loop, &source);
	close(source.fd);
}
