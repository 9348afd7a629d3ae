/* SPDX-License-Identifier: MIT */
#include "control/resolve.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 20000 /* for the system's resolver; an answer ends the wait */

/* A name server that does not answer: our getaddrinfo() stands before libc's and holds the name
 * "stuck.test" until it is let go. The helper's end is seen by the destructor of a thread's value.
 */
static sem_t is_stuck, let_go, helper_ended;
static pthread_key_t end_of_thread;

static void post_end(void *value)
{
	(void)value;
	sem_post(&helper_ended);
}

static void start(void)
{
	sem_init(&is_stuck, 0, 0);
	sem_init(&let_go, 0, 0);
	sem_init(&helper_ended, 0, 0);
	cr_assert(eq(int, pthread_key_create(&end_of_thread, post_end), 0));
}

TestSuite(resolve, .init = start);

/* What the name "crowd.test" resolves to: ten addresses, of which the second repeats the first. */
static struct addrinfo crowd_list[10];

static int crowd(struct addrinfo **ret)
{
	static struct sockaddr_in addrs[10];

	for (unsigned i = 0; i < 10; i++) {
		addrs[i] = (struct sockaddr_in){.sin_family = AF_INET,
		                                .sin_addr.s_addr = htonl(0xc0000200 + (i ? i : 1))};
		crowd_list[i] = (struct addrinfo){.ai_family = AF_INET,
		                                  .ai_addrlen = sizeof addrs[i],
		                                  .ai_addr = (struct sockaddr *)&addrs[i],
		                                  .ai_next = i < 9 ? &crowd_list[i + 1] : NULL};
	}
	*ret = crowd_list;
	return 0;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (hints && hints->ai_flags & AI_ADDRCONFIG)
		return EAI_BADFLAGS;
	if (strncmp(host, "stuck.test", 10) == 0 && !(hints->ai_flags & AI_NUMERICHOST)) {
		pthread_setspecific(end_of_thread, &helper_ended);
		sem_post(&is_stuck);
		sem_wait(&let_go);
		return EAI_AGAIN;
	}
	if (strcmp(host, "crowd.test") == 0 && !(hints->ai_flags & AI_NUMERICHOST))
		return crowd(ret);
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(host, service, hints, ret);
}

void freeaddrinfo(struct addrinfo *list)
{
	void (*real)(struct addrinfo *);

	if (list == crowd_list)
		return;
	*(void **)&real = dlsym(RTLD_NEXT, "freeaddrinfo");
	real(list);
}

static struct resolver *create(void)
{
	struct resolver *resolver = NULL;

	cr_assert(eq(int, resolve_create(&resolver), 0));
	return resolver;
}

static bool is_readable(const struct resolver *resolver, int timeout_ms)
{
	struct pollfd pfd = {.fd = resolve_fd(resolver), .events = POLLIN};

	return poll(&pfd, 1, timeout_ms) == 1;
}

static struct resolve_answer wait_answer(struct resolver *resolver)
{
	struct resolve_answer answer;

	cr_assert(is_readable(resolver, WAIT_MS));
	cr_assert(resolve_take(resolver, &answer));
	return answer;
}

static void wait_for(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_MS / 1000;
	cr_assert(eq(int, sem_timedwait(sem, &until), 0));
}

Test(resolve, numeric_address_is_answered_at_once)
{
	static const struct {
		const char *host, *expected;
	} cases[] = {
		{"192.0.2.7", "192.0.2.7:51820"},
		{"2001:db8::7", "[2001:db8::7]:51820"},
		{"::1", "[::1]:51820"},
		{"fe80::1%lo", "[fe80::1%lo]:51820"},
	};
	struct resolver *resolver = create();
	char text[ENDPOINT_TEXT_LEN];

	cr_assert(not(is_readable(resolver, 0)));
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct resolve_answer answer;

		cr_assert(eq(int, resolve_request(resolver, i, cases[i].host, 51820), 0));
		cr_assert(is_readable(resolver, 0));
		cr_assert(resolve_take(resolver, &answer));
		cr_expect(eq(u64, answer.id, i));
		cr_expect(eq(int, answer.error, 0));
		cr_expect(eq(uint, answer.count, 1));
		cr_expect(eq(str, (char *)endpoint_format(&answer.endpoints[0], text),
		             (char *)cases[i].expected));
		cr_expect(not(is_readable(resolver, 0)));
	}
	resolve_destroy(resolver);
}

Test(resolve, numeric_address_overtakes_a_stuck_name)
{
	struct resolver *resolver = create();

	cr_assert(eq(int, resolve_request(resolver, 1, "stuck.test", 1), 0));
	wait_for(&is_stuck);
	cr_assert(eq(int, resolve_request(resolver, 2, "192.0.2.7", 1), 0));
	cr_assert(eq(u64, wait_answer(resolver).id, 2));
	sem_post(&let_go);
	struct resolve_answer answer = wait_answer(resolver);
	cr_assert(eq(u64, answer.id, 1));
	cr_assert(eq(int, answer.error, -EAGAIN));
	resolve_destroy(resolver);
}

Test(resolve, stuck_name_holds_up_no_other)
{
	struct resolver *resolver = create();

	cr_assert(eq(int, resolve_request(resolver, 1, "stuck.test", 1), 0));
	wait_for(&is_stuck);
	for (uint64_t id = 2; id < 5; id++) {
		cr_assert(eq(int, resolve_request(resolver, id, "crowd.test", 1), 0));
		cr_assert(eq(u64, wait_answer(resolver).id, id));
	}
	sem_post(&let_go);
	cr_assert(eq(u64, wait_answer(resolver).id, 1));
	resolve_destroy(resolver);
}

/* Whoever asks again for a silent name must not take a helper each time. */
Test(resolve, name_under_way_is_not_looked_up_twice)
{
	struct resolver *resolver = create();

	for (uint64_t id = 0; id < 2 * RESOLVE_HELPERS_MAX; id++)
		cr_assert(eq(int, resolve_request(resolver, id, "stuck.test", 1), 0));
	wait_for(&is_stuck);
	sem_post(&let_go);
	for (uint64_t id = 0; id < 2 * RESOLVE_HELPERS_MAX; id++) {
		struct resolve_answer answer = wait_answer(resolver);

		cr_expect(eq(u64, answer.id, id));
		cr_expect(eq(int, answer.error, -EAGAIN));
	}
	cr_expect(not(zero(int, sem_trywait(&is_stuck))), "looked up a second time");
	resolve_destroy(resolver);
}

Test(resolve, shared_answer_has_the_port_of_each)
{
	struct resolver *resolver = create();

	for (uint16_t port = 1; port < 20; port++)
		cr_assert(eq(int, resolve_request(resolver, port, "crowd.test", port), 0));
	for (uint16_t port = 1; port < 20; port++) {
		struct resolve_answer answer = wait_answer(resolver);

		cr_expect(eq(u64, answer.id, port));
		cr_assert(eq(uint, answer.count, RESOLVE_ENDPOINTS_MAX));
		cr_expect(eq(u16, endpoint_port(&answer.endpoints[7]), port));
	}
	resolve_destroy(resolver);
}

Test(resolve, more_stuck_names_than_helpers_wait_for_one_another)
{
	struct resolver *resolver = create();
	char name[32];

	for (unsigned id = 0; id <= RESOLVE_HELPERS_MAX; id++) {
		snprintf(name, sizeof name, "stuck.test%u", id);
		cr_assert(eq(int, resolve_request(resolver, id, name, 1), 0));
	}
	for (unsigned id = 0; id < RESOLVE_HELPERS_MAX; id++)
		wait_for(&is_stuck);
	for (unsigned id = 0; id <= RESOLVE_HELPERS_MAX; id++)
		sem_post(&let_go);
	for (unsigned id = 0; id <= RESOLVE_HELPERS_MAX; id++)
		cr_expect(eq(int, wait_answer(resolver).error, -EAGAIN));
	resolve_destroy(resolver);
}

Test(resolve, localhost_is_found)
{
	struct resolver *resolver = create();

	cr_assert(eq(int, resolve_request(resolver, UINT64_MAX, "localhost", 65535), 0));
	struct resolve_answer answer = wait_answer(resolver);
	cr_assert(eq(u64, answer.id, UINT64_MAX));
	cr_assert(eq(int, answer.error, 0));
	cr_assert(ge(uint, answer.count, 1));
	for (unsigned i = 0; i < answer.count; i++) {
		const struct endpoint *ep = &answer.endpoints[i];

		cr_expect(eq(int, endpoint_port(ep), 65535));
		cr_expect(endpoint_family(ep) == AF_INET
		                  ? ntohl(ep->in4.sin_addr.s_addr) >> 24 == 127
		                  : IN6_IS_ADDR_LOOPBACK(&ep->in6.sin6_addr));
	}
	resolve_destroy(resolver);
}

/* "invalid" is reserved (RFC 6761). Without any name server the answer is -EAGAIN. */
Test(resolve, unknown_name_is_an_error_with_a_text)
{
	struct resolver *resolver = create();

	cr_assert(eq(int, resolve_request(resolver, 5, "does-not-exist.invalid", 1), 0));
	struct resolve_answer answer = wait_answer(resolver);
	cr_assert(eq(u64, answer.id, 5));
	cr_assert(answer.error == -ENOENT || answer.error == -EAGAIN, "error %d", answer.error);
	cr_assert(answer.text && answer.text[0]);
	cr_assert(eq(uint, answer.count, 0));
	resolve_destroy(resolver);
}

Test(resolve, keeps_the_first_eight_different_addresses_in_order)
{
	struct resolver *resolver = create();

	cr_assert(eq(int, resolve_request(resolver, 1, "crowd.test", 7), 0));
	struct resolve_answer answer = wait_answer(resolver);
	cr_assert(eq(uint, answer.count, RESOLVE_ENDPOINTS_MAX));
	for (unsigned i = 0; i < answer.count; i++) {
		uint32_t addr = ntohl(answer.endpoints[i].in4.sin_addr.s_addr);

		cr_expect(eq(u32, addr, 0xc0000201 + i));
	}
	resolve_destroy(resolver);
}

Test(resolve, names_are_answered_in_the_order_of_requests)
{
	struct resolver *resolver = create();

	for (uint64_t id = 0; id < 50; id++)
		cr_assert(eq(int, resolve_request(resolver, id, "crowd.test", 1), 0));
	for (uint64_t id = 0; id < 50; id++)
		cr_assert(eq(u64, wait_answer(resolver).id, id));
	cr_assert(not(is_readable(resolver, 0)));
	resolve_destroy(resolver);
}

Test(resolve, requests_are_bounded_until_answers_are_taken)
{
	struct resolver *resolver = create();
	struct resolve_answer answer;

	for (unsigned i = 0; i < RESOLVE_PENDING_MAX; i++)
		cr_assert(eq(int, resolve_request(resolver, i, "192.0.2.1", 1), 0));
	cr_assert(eq(int, resolve_request(resolver, 0, "192.0.2.1", 1), -EAGAIN));
	cr_assert(eq(int, resolve_request(resolver, 0, "crowd.test", 1), -EAGAIN));
	cr_assert(resolve_take(resolver, &answer));
	cr_assert(eq(int, resolve_request(resolver, 0, "192.0.2.1", 1), 0));
	cr_assert(is_readable(resolver, 0));
	resolve_destroy(resolver);
}

Test(resolve, overlong_name_is_refused)
{
	struct resolver *resolver = create();
	char host[RESOLVE_HOST_LEN + 1];

	memset(host, 'a', sizeof host);
	host[RESOLVE_HOST_LEN] = 0;
	cr_assert(eq(int, resolve_request(resolver, 0, host, 1), -ENAMETOOLONG));
	resolve_destroy(resolver);
}

Test(resolve, nothing_to_take_is_no_answer)
{
	struct resolver *resolver = create();
	struct resolve_answer answer;

	cr_assert(not(resolve_take(resolver, &answer)));
	resolve_destroy(resolver);
	resolve_destroy(NULL);
}

Test(resolve, destroy_does_not_wait_for_a_lookup_under_way)
{
	struct resolver *resolver = create();
	struct timespec before, after;
	int fd = resolve_fd(resolver);

	cr_assert(eq(int, resolve_request(resolver, 1, "stuck.test", 1), 0));
	cr_assert(eq(int, resolve_request(resolver, 2, "crowd.test", 1), 0));
	cr_assert(eq(int, resolve_request(resolver, 3, "192.0.2.7", 1), 0));
	wait_for(&is_stuck);
	clock_gettime(CLOCK_MONOTONIC, &before);
	resolve_destroy(resolver);
	clock_gettime(CLOCK_MONOTONIC, &after);
	cr_assert(lt(long, after.tv_sec - before.tv_sec, 10));

	/* Still the helper's: it frees everything when the lookup comes back. */
	cr_assert(ge(int, fcntl(fd, F_GETFD), 0));
	sem_post(&let_go);
	wait_for(&helper_ended);
	cr_assert(eq(int, fcntl(fd, F_GETFD), -1));
}

Test(resolve, destroy_waits_for_a_lookup_that_ends_soon)
{
	struct resolver *resolver = create();
	int fd = resolve_fd(resolver);

	cr_assert(eq(int, resolve_request(resolver, 1, "stuck.test", 1), 0));
	cr_assert(eq(int, resolve_request(resolver, 2, "stuck.test", 1), 0));
	wait_for(&is_stuck);
	sem_post(&let_go);
	sem_post(&let_go); /* the second may begin before the helper hears of the end, or never */
	resolve_destroy(resolver);
	wait_for(&helper_ended);
	cr_assert(eq(int, fcntl(fd, F_GETFD), -1));
}
