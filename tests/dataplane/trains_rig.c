/* SPDX-License-Identifier: MIT */
#include "trains_rig.h"

#include <netinet/udp.h>

struct trains_rig trains;

void trains_setup(void)
{
	rig_setup();
	cr_assert(eq(int, mailbox_init(&trains.engine.mailbox), 0));
	train_limit_set(&trains.path, TRAIN_ANY);
	cr_assert(eq(int, batch_pool_init(&trains.pool, 4, BATCH_MAX * SLOT_BYTES, SLOT_BYTES), 0));
}

void trains_teardown(void)
{
	link_close(&trains.sender);
	batch_pool_fini(&trains.pool);
	mailbox_fini(&trains.engine.mailbox);
	rig_teardown();
}

struct link_settings trains_link_at(const char *at, bool has_offloads)
{
	struct link_settings set = {.name = "test", .has_offloads = has_offloads};

	cr_assert(eq(int, endpoint_parse(at, 0, &set.bind), 0));
	return set;
}

void trains_open(const char *at, bool has_offloads)
{
	struct link_settings set = trains_link_at(at, has_offloads);

	cr_assert(eq(int, link_open(&trains.sender, &set), 0));
}

int trains_far_socket(const char *at, bool has_gro, struct endpoint *ret)
{
	int fd = rig_far_socket(at, ret), one = 1;

	if (has_gro)
		cr_assert(eq(int, setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one), 0));
	return fd;
}

/* ---- batches ---- */

struct batch *trains_make(struct test_random *random, unsigned count, enum lengths lengths,
                          unsigned longest)
{
	struct batch *b = batch_get(&trains.pool);
	unsigned len = longest;

	cr_assert(ne(ptr, b, NULL));
	cr_assert(le(uint, count, trains.pool.slots));
	for (unsigned i = 0; i < count; i++) {
		struct segment *seg = batch_append(b, trains.pool.stride);

		if (lengths == RANDOM || (lengths == SPELLS && test_random_next(random) % 5 == 0) ||
		    (lengths == SHORTER_LAST && i == count - 1))
			len = (unsigned)(1 + test_random_next(random) % longest);
		seg->len = (uint16_t)len;
		test_random_fill(random, segment_header(b, seg), seg->len);
	}
	return b;
}

uint64_t trains_bytes(const struct batch *b)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < b->len; i++)
		bytes += b->segment[i].len;
	return bytes;
}

/* One message: a datagram, or a train of datagrams of *@ret_step bytes. Waits for it. */
static size_t receive(int fd, uint8_t *buf, size_t size, unsigned *ret_step, struct endpoint *from)
{
	_Alignas(struct cmsghdr) uint8_t control[64];
	struct iovec iov = {buf, size};
	struct msghdr m = {.msg_name = &from->sa,
	                   .msg_namelen = sizeof *from,
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof control};
	struct cmsghdr *c;
	ssize_t n;
	int step;

	*from = (struct endpoint){0};
	cr_assert(rig_is_readable(fd, RIG_WAIT_MS), "nothing came");
	n = recvmsg(fd, &m, 0);
	cr_assert(lt(int, 0, (int)n));
	*ret_step = (unsigned)n;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
		memcpy(&step, CMSG_DATA(c), sizeof step);
		*ret_step = (unsigned)step;
	}
	return (size_t)n;
}

unsigned trains_expect(int fd, const struct batch *b, const struct endpoint *want_from)
{
	static uint8_t buf[65536];
	unsigned messages = 0, step;
	struct endpoint from;

	for (unsigned i = 0; i < b->len; messages++) {
		size_t n = receive(fd, buf, sizeof buf, &step, &from);

		cr_expect(endpoint_equal(&from, want_from));
		for (size_t at = 0; at < n; at += step, i++) {
			const struct segment *seg = &b->segment[i];

			cr_assert(lt(uint, i, b->len));
			cr_assert(eq(sz, n - at < step ? n - at : step, seg->len), "datagram %u",
			          i);
			ASSERT_BYTES(buf + at, segment_header(b, seg), seg->len);
		}
	}
	cr_expect(not(rig_is_readable(fd, 0)));
	return messages;
}

struct link_sent trains_send_on(const struct route *route, struct train_limit *limit,
                                const struct batch *b)
{
	struct iovec at[BATCH_MAX];
	struct link_datagrams all = {.at = at, .ecn = b->ecn, .count = batch_refer(b, at)};

	return link_send(&trains.self, route, limit, &all);
}

void trains_send(const struct route *route, const struct batch *b)
{
	struct link_sent sent = trains_send_on(route, &trains.path, b);

	cr_assert(eq(uint, sent.packets, b->len));
	cr_assert(eq(u64, sent.bytes, trains_bytes(b)));
	cr_assert(eq(int, sent.error, 0));
}
