/* SPDX-License-Identifier: MIT */
#include "dataplane/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_DEVICE "/dev/net/tun"

_Static_assert(TUN_NAME_LEN == IFNAMSIZ, "names are the kernel's");

/* Interface settings are asked of any socket, not of the TUN descriptor. */
static int set_queue_len(const char *name, unsigned queue_len_pkts)
{
	struct ifreq ifr = {.ifr_qlen = queue_len_pkts};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (sock < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, IFNAMSIZ);
	if (ioctl(sock, SIOCSIFTXQLEN, &ifr) < 0)
		err = -errno;
	close(sock);
	return err;
}

int tun_open(const char *name, unsigned queue_len_pkts, char ret_name[static TUN_NAME_LEN])
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd, err;

	if (strlen(name) >= IFNAMSIZ)
		return -ENAMETOOLONG;
	strcpy(ifr.ifr_name, name);
	fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		err = -errno;
		goto err_close;
	}
	err = set_queue_len(ifr.ifr_name, queue_len_pkts);
	if (err)
		goto err_close;
	memcpy(ret_name, ifr.ifr_name, TUN_NAME_LEN);
	return fd;
err_close:
	close(fd);
	return err;
}
