/* SPDX-License-Identifier: MIT */
/* Datagrams and handshake messages that leave: whole, in order, from which address; and what the
 * system refuses. Trains are test_trains.c's.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../bytes_rig.h"
#include "dataplane/link_tx.h"
#include "link_rig.h"

TestSuite(link_tx, .init = link_rig_setup, .fini = link_rig_teardown, .timeout = 60);

/* ---- sending batches ---- */

/* A batch of @count segments of random lengths and bytes. */
static struct batch *random_batch(struct test_random *random, unsigned count)
{
	struct batch *b = batch_get(&pool);

	cr_assert(ne(ptr, b, NULL));
	cr_assert(le(uint, count, pool.slots));
	for (unsigned i = 0; i < count; i++) {
		struct segment *seg = batch_append(b, pool.stride);

		seg->len = (uint16_t)(1 + test_random_next(random) % pool.stride);
		test_random_fill(random, segment_header(b, seg), seg->len);
	}
	return b;
}

static void expect_batch(int fd, const struct batch *b, const struct endpoint *from)
{
	uint8_t got[2048];
	struct arrival arrival;

	for (unsigned i = 0; i < b->len; i++) {
		const struct segment *seg = &b->segment[i];

		cr_assert(eq(sz, receive(fd, got, sizeof got, &arrival), seg->len));
		ASSERT_BYTES(got, segment_header(b, seg), seg->len);
		cr_expect(endpoint_equal(&arrival.from, from));
		cr_expect(eq(int, arrival.tos, 0)); /* data is not marked */
	}
	cr_expect(not(is_readable(fd, 0)));
}

static struct link_sent send_batch(const struct route *route, const struct batch *b)
{
	struct iovec at[BATCH_MAX];
	struct link_datagrams all = {.at = at, .ecn = b->ecn, .count = batch_refer(b, at)};

	return link_send(&self, route, NULL, &all);
}

static void expect_delivery(const char *at)
{
	struct test_random random = test_random_seeded("link_tx");
	struct route route = {.link = &link_a};
	uint64_t packets = 0, bytes = 0;
	int fd = far_socket(at, &route.remote);

	open_link(&link_a, at);
	for (unsigned count = 0; count <= pool.slots; count += count < 3 ? 1 : 20) {
		struct batch *b = random_batch(&random, count);

		struct link_sent sent = send_batch(&route, b);

		expect_batch(fd, b, &link_a.bound);
		packets += count;
		for (unsigned i = 0; i < count; i++) {
			bytes += b->segment[i].len;
			sent.bytes -= b->segment[i].len;
		}
		cr_expect(eq(uint, sent.packets, count));
		cr_expect(eq(u64, sent.bytes, 0));
		cr_expect(eq(int, sent.error, 0));
		batch_free(b);
	}
	cr_expect(eq(u64, counter_read(&link_a.tx_packets), packets));
	cr_expect(eq(u64, counter_read(&link_a.tx_bytes), bytes));
	cr_expect(eq(u64, counter_read(&link_a.tx_errors), 0));
	close(fd);
}

Test(link_tx, batch_arrives_byte_for_byte_and_in_order_over_ipv4)
{
	expect_delivery("127.0.0.1:0");
}

Test(link_tx, batch_arrives_byte_for_byte_and_in_order_over_ipv6)
{
	expect_delivery("[::1]:0");
}

/* They are only read: one may even be sent several times. */
Test(link_tx, datagrams_may_lie_anywhere)
{
	static char one[] = "one", three[] = "three";
	const struct iovec segment[] = {{three, 5}, {one, 3}, {three, 5}};
	const struct link_datagrams all = {segment, (const uint8_t[3]){0}, 3};
	struct route route = {.link = &link_a};
	int fd = far_socket("127.0.0.1:0", &route.remote);
	struct link_sent sent;
	char got[8];

	open_link(&link_a, "127.0.0.1:0");
	sent = link_send(&self, &route, NULL, &all);
	cr_expect(eq(uint, sent.packets, 3));
	cr_expect(eq(u64, sent.bytes, 13));
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(eq(sz, (size_t)recv(fd, got, sizeof got, 0), segment[i].iov_len));
		cr_expect(eq(int, memcmp(got, segment[i].iov_base, segment[i].iov_len), 0));
	}
	close(fd);
}

static void expect_ecn(const char *bind, const char *at)
{
	struct test_random random = test_random_seeded("link_tx");
	struct route route = {.link = &link_a, .local = endpoint_of(at)};
	int fd = far_socket(at, &route.remote);
	struct batch *b = random_batch(&random, 20);
	uint8_t got[2048];

	open_link(&link_a, bind);
	for (unsigned i = 0; i < b->len; i++)
		b->ecn[i] = (i / 3) % 4;
	cr_expect(eq(uint, send_batch(&route, b).packets, b->len));
	for (unsigned i = 0; i < b->len; i++) {
		struct arrival arrival;

		cr_expect(eq(sz, receive(fd, got, sizeof got, &arrival), b->segment[i].len));
		cr_expect(eq(int, arrival.tos, (i / 3) % 4), "datagram %u", i);
	}
	batch_free(b);
	link_close(&link_a);
	close(fd);
}

/* With the own address pinned as well. */
Test(link_tx, each_datagram_has_its_ecn_field_and_no_dscp)
{
	expect_ecn("127.0.0.1:0", "127.0.0.1:0");
	expect_ecn("0.0.0.0:0", "127.0.0.1:0");
	expect_ecn("[::1]:0", "[::1]:0");
	expect_ecn("[::]:0", "[::1]:0");
}

/* Sends three datagrams with @local pinned from a link bound to @bind, and looks where they come
 * from. @want "": anywhere but from nobody's address.
 */
static void expect_source(const char *bind, const char *local, const char *far, const char *want)
{
	struct test_random random = {1};
	struct batch *b = random_batch(&random, 3);
	struct route route = {.link = &link_a};
	int fd = far_socket(far, &route.remote);
	struct link_sent sent;
	struct endpoint from = endpoint_of(*want ? want : far);

	open_link(&link_a, bind);
	if (*local)
		route.local = endpoint_of(local);
	endpoint_set_port(&from, endpoint_port(&link_a.bound));
	sent = send_batch(&route, b);
	cr_expect(eq(uint, sent.packets, 3), "%s %s", bind, local);
	cr_expect(eq(int, sent.error, 0));
	expect_batch(fd, b, &from);
	batch_free(b);
	close(fd);
	link_close(&link_a);
}

Test(link_tx, own_address_is_pinned_on_a_wildcard_link_while_it_exists)
{
	static const struct {
		const char *bind, *local, *far, *want;
	} cases[] = {
		{"0.0.0.0:0", "", "127.0.0.1:0", "127.0.0.1:0"},
		{"0.0.0.0:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"},
		{"0.0.0.0:0", "127.0.0.5:0", "127.0.0.1:0", "127.0.0.5:0"},
		{"0.0.0.0:0", NOBODYS_IPV4, "127.0.0.1:0", "127.0.0.1:0"},
		{"127.0.0.7:0", "127.0.0.5:0", "127.0.0.1:0", "127.0.0.7:0"}, /* no wildcard */
		{"[::]:0", "", "[::1]:0", "[::1]:0"},
		{"[::]:0", "[::1]:0", "[::1]:0", "[::1]:0"},
		{"[::]:0", NOBODYS_IPV6, "[::1]:0", "[::1]:0"},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_source(cases[i].bind, cases[i].local, cases[i].far, cases[i].want);
	cr_expect(eq(u64, counter_read(&self.drops[DROP_SEND_ERROR]), 0));
}

/* ---- refusals ---- */

/* Three datagrams, the middle one longer than UDP can carry. */
static void expect_middle_too_big(const char *at, unsigned too_long)
{
	struct batch *b = batch_get(&pool);
	struct route route = {.link = &link_a};
	int fd = far_socket(at, &route.remote);
	struct arrival arrival;
	struct link_sent sent;
	uint8_t got[2048];

	open_link(&link_a, at);
	for (unsigned i = 0; i < 3; i++)
		batch_append(b, pool.stride)->len = (uint16_t)(100 + i);
	memset(b->data, 7, pool.bytes);
	b->segment[1].offset = 0;
	b->segment[1].len = (uint16_t)too_long;
	sent = send_batch(&route, b);
	cr_expect(eq(uint, sent.packets, 2));
	cr_expect(eq(u64, sent.bytes, 202));
	cr_expect(eq(int, sent.error, 0)); /* the link works: no reason to rest it */
	cr_expect(eq(sz, receive(fd, got, sizeof got, &arrival), 100));
	cr_expect(eq(sz, receive(fd, got, sizeof got, &arrival), 102));
	cr_expect(not(is_readable(fd, 0)));
	cr_expect(eq(u64, counter_read(&link_a.tx_packets), 2));
	cr_expect(eq(u64, counter_read(&link_a.tx_bytes), 202));
	cr_expect(eq(u64, counter_read(&link_a.tx_errors), 1));
	batch_free(b);
	close(fd);
}

Test(link_tx, datagram_too_long_is_counted_and_the_others_go)
{
	expect_middle_too_big("127.0.0.1:0", UDP_PAYLOAD_MAX + 1);
	cr_expect(eq(u64, counter_read(&self.drops[DROP_TOO_BIG]), 1));
	cr_expect(eq(u64, counter_read(&self.drops[DROP_SEND_ERROR]), 0));
}

Test(link_tx, datagram_too_long_is_counted_over_ipv6_as_well)
{
	expect_middle_too_big("[::1]:0", 65528);
	cr_expect(eq(u64, counter_read(&self.drops[DROP_TOO_BIG]), 1));
}

Test(link_tx, refusal_for_another_reason_is_told_and_all_is_dropped)
{
	struct test_random random = {1};
	struct batch *b = random_batch(&random, 5);
	/* Broadcast needs leave that these sockets do not have. */
	struct route route = {.link = &link_a, .remote = endpoint_of("255.255.255.255:9")};
	struct link_sent sent;

	open_link(&link_a, "0.0.0.0:0");
	sent = send_batch(&route, b);
	cr_expect(eq(uint, sent.packets, 0));
	cr_expect(eq(u64, sent.bytes, 0));
	cr_expect(eq(int, sent.error, EACCES));
	cr_expect(eq(u64, counter_read(&self.drops[DROP_SEND_ERROR]), 5));
	cr_expect(eq(u64, counter_read(&link_a.tx_errors), 5));
	cr_expect(eq(u64, counter_read(&link_a.tx_packets), 0));
	batch_free(b);
}

/* ---- what must not be fragmented ---- */

static int send_whole(const struct route *route, size_t len)
{
	static uint8_t datagram[UDP_PAYLOAD_MAX + 1];
	const struct iovec iov = {datagram, len};

	return link_send_whole(route->link, route, &iov);
}

static void expect_whole(const char *at)
{
	struct route route = {.link = &link_a};
	int fd = far_socket(at, &route.remote);
	struct arrival arrival;
	uint8_t got[2048];

	open_link(&link_a, at);
	cr_expect(eq(int, send_whole(&route, 1452), 0));
	cr_expect(eq(sz, receive(fd, got, sizeof got, &arrival), 1452));
	cr_expect(endpoint_equal(&arrival.from, &link_a.bound), "where data comes from");
	cr_expect(eq(int, arrival.tos, 0), "and as it is marked");
	cr_expect(eq(u64, counter_read(&link_a.tx_packets), 1));
	cr_expect(eq(u64, counter_read(&link_a.tx_bytes), 1452));
	cr_expect(eq(int, send_whole(&route, UDP_PAYLOAD_MAX + 1), -EMSGSIZE));
	cr_expect(eq(u64, counter_read(&link_a.tx_errors), 0), "that was the question");
	close(fd);
}

Test(link_tx, whole_datagram_leaves_as_data_does)
{
	expect_whole("127.0.0.1:0");
}

Test(link_tx, whole_datagram_leaves_as_data_does_over_ipv6)
{
	expect_whole("[::1]:0");
}

Test(link_tx, without_steering_nothing_is_sent_whole)
{
	struct route route = {.link = &link_a};
	int fd = far_socket("127.0.0.1:0", &route.remote);

	cr_expect(eq(int, send_whole(&route, 100), -EOPNOTSUPP));
	cr_expect(not(is_readable(fd, 0)));
	close(fd);
}

/* ---- handshake messages ---- */

Test(link_tx, handshake_leaves_even_when_the_pinned_address_is_gone)
{
	static const char *const cases[2][3] = {{"0.0.0.0:0", NOBODYS_IPV4, "127.0.0.1:0"},
	                                        {"[::]:0", NOBODYS_IPV6, "[::1]:0"}};

	for (unsigned i = 0; i < 2; i++) {
		struct route route = {.link = &link_a, .local = endpoint_of(cases[i][1])};
		int fd = far_socket(cases[i][2], &route.remote);
		struct arrival arrival;
		uint8_t got[8];

		open_link(&link_a, cases[i][0]);
		cr_expect(eq(int, link_send_handshake(&link_a, &route, "\3", 1), 0));
		cr_expect(eq(sz, receive(fd, got, sizeof got, &arrival), 1));
		link_close(&link_a);
		close(fd);
	}
}

Test(link_tx, handshake_that_cannot_leave_is_an_error_and_counted)
{
	struct route route = {.link = &link_a, .remote = endpoint_of("255.255.255.255:9")};

	open_link(&link_a, "127.0.0.1:0");
	cr_expect(eq(int, link_send_handshake(&link_a, &route, "\1", 1), -EACCES));
	cr_expect(eq(u64, counter_read(&link_a.tx_errors), 1));
	cr_expect(eq(u64, counter_read(&link_a.tx_packets), 0));
}
