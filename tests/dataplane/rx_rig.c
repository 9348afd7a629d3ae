/* SPDX-License-Identifier: MIT */
#include "rx_rig.h"

struct rx_rig rx;

uint32_t rx_index(unsigned who, unsigned which)
{
	return 0x11 + 0x10 * who + which;
}

void rx_setup(void)
{
	uint64_t now_ns = clock_boot_ns();

	rig_setup();
	rig_create(&rx.end, 2, 1, "127.0.0.1:0");
	rx.here = engine_link(rx.end.engine, 0)->bound;
	cr_assert(engine_link(rx.end.engine, 0)->has_gro);
	for (unsigned i = 0; i < PEERS; i++) {
		rx.peer[i] = engine_create_peer(rx.end.engine, NULL);
		atomic_store(&rx.peer[i]->followed_path, PATH_ANY);
		rx.far[i] = rig_far_socket("127.0.0.1:0", &rx.far_at[i]);
		rig_publish_target(&rx.end, rx.peer[i], 0, 0, &rx.far_at[i]);
		for (unsigned k = 0; k < SECOND; k++)
			rx.kp[i][k] = rig_keypair(&rx.end, rx.peer[i], false, rx_index(i, k),
			                          0x81 + rx_index(i, k), now_ns);
	}
	rig_publish_allowedips(&rx.end, rx.peer, THERE, PEERS);
}

void rx_teardown(void)
{
	engine_stop(rx.end.engine);
	rig_expect_all_home(&rx.end);
	for (unsigned i = 0; i < PEERS; i++) {
		rig_drop_keypair(&rx.end, rx.kp[i][1]);
		rig_strip_peer(&rx.end, rx.peer[i], rx.kp[i][0]);
	}
	rig_destroy(&rx.end);
	for (unsigned i = 0; i < PEERS; i++) {
		rig_put_peer(rx.peer[i]);
		close(rx.far[i]);
	}
	rig_teardown();
}

/* ---- trains that are being made ---- */

void train_add(struct train *t, unsigned who, unsigned which, uint8_t fault)
{
	uint32_t seq = rx.next_seq[who][which]++;
	uint8_t payload[DATAGRAM - TRANSPORT_OVERHEAD] = {0};

	cr_assert(lt(u32, seq, SEQS_MAX));
	rig_packet(payload, 4, THERE + who, HERE, seq | which << 16, PACKET);
	t->len += rig_seal(t->bytes + t->len, rx_index(who, which), seq, payload, sizeof payload);
	t->bytes[t->len - 1] ^= fault;
	rx.is_lost[who][which][seq] = fault;
	t->datagrams++;
}

void train_add_many(struct train *t, unsigned who, unsigned which, unsigned count)
{
	while (count--)
		train_add(t, who, which, 0);
}

void train_add_stranger(struct train *t, uint32_t index)
{
	uint8_t *at = t->bytes + t->len;

	memset(at, 7, DATAGRAM);
	store_le32(at, MESSAGE_TRANSPORT);
	store_le32(at + 4, index);
	t->len += DATAGRAM;
	t->datagrams++;
}

void train_add_runt(struct train *t, size_t len)
{
	memset(t->bytes + t->len, 0, len);
	t->bytes[t->len] = MESSAGE_TRANSPORT;
	t->len += len;
	t->datagrams++;
}

void train_add_other(struct train *t, enum message_type type, size_t len)
{
	uint8_t *at = t->bytes + t->len;

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(t->len + 3 * i);
	store_le32(at, type);
	t->len += len;
	t->datagrams++;
}

void train_send_from(int fd, struct train *t, size_t step)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	struct iovec iov = {t->bytes, t->len};
	struct msghdr m = {.msg_name = &rx.here.sa,
	                   .msg_namelen = endpoint_len(&rx.here),
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1};
	struct cmsghdr *c = (void *)control;
	uint16_t each = (uint16_t)step;

	if (t->len > step) {
		c->cmsg_level = IPPROTO_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof each);
		memcpy(CMSG_DATA(c), &each, sizeof each);
		m.msg_control = control;
		m.msg_controllen = sizeof control;
	}
	cr_assert(eq(int, (int)sendmsg(fd, &m, 0), (int)t->len), "%s", strerror(errno));
	rx.sent_packets += t->datagrams;
	rx.sent_bytes += t->len;
	t->len = t->datagrams = 0;
}

void train_send(unsigned who, struct train *t)
{
	train_send_from(rx.far[who], t, DATAGRAM);
}

/* ---- what comes out ---- */

static void skip_lost(unsigned who, unsigned which)
{
	while (rx.is_lost[who][which][rx.next_come[who][which]])
		rx.next_come[who][which]++;
}

void rx_take_packet(void)
{
	uint8_t got[RIG_DATAGRAM], want[PACKET];
	size_t len = rig_read(&rx.end, got);
	unsigned who = got[15] - THERE, which = got[21];
	uint32_t seq = load_be16(got + 22);

	cr_assert(eq(sz, len, PACKET));
	cr_assert(lt(uint, who, PEERS));
	cr_assert(lt(uint, which, SECOND));
	skip_lost(who, which);
	cr_assert(eq(u32, seq, rx.next_come[who][which]), "peer %u, keypair %u", who, which);
	rig_packet(want, 4, THERE + who, HERE, seq | which << 16, PACKET);
	ASSERT_BYTES(got, want, PACKET);
	rx.next_come[who][which]++;
	rx.came[who]++;
}

static bool has_all_come(void)
{
	bool all = true;

	for (unsigned i = 0; i < PEERS; i++) {
		for (unsigned k = 0; k < SECOND; k++) {
			skip_lost(i, k);
			all &= rx.next_come[i][k] == rx.next_seq[i][k];
		}
	}
	return all;
}

uint64_t rx_drops(enum drop_reason reason)
{
	return engine_drops(rx.end.engine, reason);
}

void rx_expect_all(void)
{
	const struct link *link = engine_link(rx.end.engine, 0);
	uint8_t extra[RIG_DATAGRAM];

	while (!has_all_come())
		rx_take_packet();
	rig_until(counter_read(&link->rx_bytes) == rx.sent_bytes);
	engine_stop(rx.end.engine); /* what has come out may not be counted yet */
	cr_expect(eq(u64, counter_read(&link->rx_packets), rx.sent_packets));
	for (unsigned i = 0; i < PEERS; i++) {
		cr_expect(eq(u64, counter_read(&rx.peer[i]->path[0].rx_packets), rx.came[i]));
		cr_expect(eq(u64, counter_read(&rx.peer[i]->path[0].rx_bytes),
		             (uint64_t)rx.came[i] * DATAGRAM));
	}
	cr_expect(eq(int, (int)read(rx.end.tun, extra, sizeof extra), -1));
}

void rx_expect_drops(enum drop_reason reason, uint64_t count)
{
	rig_expect_drops(&rx.end, reason, count);
}
