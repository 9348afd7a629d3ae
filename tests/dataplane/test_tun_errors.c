/* SPDX-License-Identifier: MIT */
/* Reads of the TUN device that fail. The linker puts our readv() in the place of the C library's
 * (--wrap), so the device fails as the test says.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <sys/uio.h>

#include "engine_rig.h"

enum {
	HERE = 1,
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
};

static _Atomic int failing; /* the errno, or -1 for an end of file; 0: reads go through */
static atomic_uint failures_left, failed, reads;

ssize_t __real_readv(int fd, const struct iovec *iov, int count);
ssize_t __wrap_readv(int fd, const struct iovec *iov, int count);

ssize_t __wrap_readv(int fd, const struct iovec *iov, int count)
{
	bool fails = atomic_load(&failures_left);
	int error = atomic_load(&failing); /* of those that are left: see fail() */

	atomic_fetch_add(&reads, 1);
	if (!fails || !error)
		return __real_readv(fd, iov, count);
	atomic_fetch_sub(&failures_left, 1);
	atomic_fetch_add(&failed, 1);
	errno = error;
	return error > 0 ? -1 : 0;
}

static struct rig_end end;
static struct dp_peer *peer;
static struct keypair *kp;
static int far;
static struct endpoint far_at;

static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, 1, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
	far = rig_far_socket("127.0.0.1:0", &far_at);
	rig_publish_target(&end, peer, 0, 0, &far_at);
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	rig_publish_allowedips(&end, &peer, THERE, 1);
	kp = rig_keypair(&end, peer, true, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
}

static void teardown(void)
{
	rig_finish(&end, peer, kp, &far, 1);
}

TestSuite(tun_errors, .init = setup, .fini = teardown, .timeout = 60);

static void fail(int error, unsigned times)
{
	atomic_store(&failed, 0);
	atomic_store(&failing, error);
	atomic_store(&failures_left, times); /* from now on: the dispatcher may be reading */
}

static void write_packet(uint32_t seq)
{
	uint8_t packet[RIG_MTU];

	cr_assert(rig_write(&end, packet, rig_flow_packet(packet, HERE, THERE, seq)));
}

/* Packet @seq comes out of the link. */
static void expect_packet(uint32_t seq)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;
	size_t len = rig_unseal(far, INDEX_THERE, &counter, payload);
	size_t total = payload[0] >> 4 == 4 ? load_be16(payload + 2) : 40u + load_be16(payload + 4);

	cr_assert(ge(sz, len, total));
	cr_expect(eq(u32, rig_flow_seq(payload, total, HERE, THERE), seq));
}

Test(tun_errors, device_that_fails_a_few_times_goes_on)
{
	static const int errors[] = {EIO, ENOBUFS, ENOMEM, EINVAL, EFAULT, EMSGSIZE, 512, -1};
	uint64_t counted = 0;

	rig_start(&end);
	for (unsigned i = 0; i < sizeof errors / sizeof *errors; i++) {
		fail(errors[i], 3);
		write_packet(i);
		expect_packet(i);
		counted += 3;
		cr_expect(eq(uint, atomic_load(&failed), 3));
		cr_expect(eq(u64, engine_drops(end.engine, DROP_TUN_READ), counted));
		cr_expect(eq(int, engine_tun_error(end.engine), 0));
		cr_expect(eq(int, engine_take_tun_read_error(end.engine),
		             errors[i] > 0 ? errors[i] : EIO));
		cr_expect(eq(int, engine_take_tun_read_error(end.engine), 0), "told once");
	}
}

Test(tun_errors, nothing_to_read_is_no_error)
{
	rig_start(&end);
	fail(EAGAIN, 3);
	write_packet(1);
	expect_packet(1);
	fail(EINTR, 3);
	write_packet(2);
	expect_packet(2);
	cr_expect(eq(u64, engine_drops(end.engine, DROP_TUN_READ), 0));
	cr_expect(eq(int, engine_take_tun_read_error(end.engine), 0));
}

/* There is something to read all the time: poll() would return at once. */
Test(tun_errors, device_that_keeps_failing_keeps_no_processor_busy)
{
	uint64_t begin_ns, rests;
	unsigned before;

	fail(EIO, UINT32_MAX);
	write_packet(1);
	rig_start(&end);
	while (atomic_load(&failed) < 3)
		usleep(1000);
	begin_ns = clock_boot_ns();
	before = atomic_load(&reads);
	usleep(300 * 1000);
	unsigned count = atomic_load(&reads) - before;
	rests = (clock_boot_ns() - begin_ns) / (10 * NS_PER_MS);
	cr_expect(le(u64, count, rests + 2), "%u reads", count);

	/* Nor does it keep from work what else there is. */
	cr_expect(engine_send_late(end.engine, peer, kp, 0, LANE_UNORDERED, NULL, 0, NULL));
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;
	cr_expect(eq(sz, rig_unseal(far, INDEX_THERE, &counter, payload), 0));

	fail(0, 0);
	expect_packet(1);
}

ParameterizedTestParameters(tun_errors, device_that_is_gone_is_told_to_control)
{
	static int errors[] = {EBADFD, EBADF, ENODEV, ENXIO};

	return cr_make_param_array(int, errors, sizeof errors / sizeof *errors);
}

ParameterizedTest(int *error, tun_errors, device_that_is_gone_is_told_to_control)
{
	struct pollfd p = {.fd = engine_event_fd(end.engine), .events = POLLIN};

	fail(*error, UINT32_MAX);
	write_packet(1);
	rig_start(&end);
	rcu_thread_offline();
	cr_assert(eq(int, poll(&p, 1, RIG_WAIT_MS), 1));
	rcu_thread_online();
	cr_expect(eq(int, engine_tun_error(end.engine), *error));
	cr_expect(eq(u64, engine_drops(end.engine, DROP_TUN_READ), 0));
}
