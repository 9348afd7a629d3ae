/* SPDX-License-Identifier: MIT */
#include "tun_rig.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void tun_setup(void)
{
	enter_namespace();
	need_tun();
}

struct tun open_tun(struct tun_settings set)
{
	struct tun tun;
	int r = tun_open(&tun, &set);

	cr_assert(eq(int, r, 0), "%s", strerror(-r));
	return tun;
}

struct tun open_plain(const char *name)
{
	return open_tun((struct tun_settings){.name = name, .queue_len_pkts = 500, .queues = 1});
}

struct tun open_with_offloads(unsigned queues)
{
	return open_tun((struct tun_settings){
		.queue_len_pkts = 500, .queues = queues, .has_offloads = true, .name = "vtest0"});
}

struct sockaddr_in address_of(const char *host, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};

	cr_assert(eq(int, inet_pton(AF_INET, host, &at.sin_addr), 1));
	return at;
}

ssize_t read_ipv4(int fd, uint8_t *packet, size_t room)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	/* IPv6 of the new interface may announce itself first. */
	while (poll(&readable, 1, 5000) == 1) {
		ssize_t len = read(fd, packet, room);

		if (len > 0 && packet[0] >> 4 == 4)
			return len;
	}
	return -1;
}
