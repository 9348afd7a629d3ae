/* SPDX-License-Identifier: MIT */
#include "dataplane/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_DEVICE "/dev/net/tun"

/* Not in the headers of Linux before 6.2, whose kernels refuse them. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

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

/* One queue of the interface @ifr names; the kernel writes the name back. */
static int open_queue(struct ifreq *ifr, short flags)
{
	int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ifr->ifr_flags = flags;
	if (ioctl(fd, TUNSETIFF, ifr) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* The best that the kernel gives: everything, all but UDP, or nothing. A persistent device keeps
 * what its last user set, so nothing is asked for as well.
 */
static void ask_offloads(struct tun *tun)
{
	static const unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int header_len = sizeof(struct virtio_net_hdr);

	tun->takes = (struct coalesce_offload){0};
	if (!tun->has_header) {
		ioctl(tun->fd[0], TUNSETOFFLOAD, 0);
		return;
	}
	ioctl(tun->fd[0], TUNSETVNETHDRSZ, &header_len);
	if (ioctl(tun->fd[0], TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0)
		tun->takes = (struct coalesce_offload){true, true, true, true};
	else if (ioctl(tun->fd[0], TUNSETOFFLOAD, tcp) == 0)
		tun->takes = (struct coalesce_offload){.tcp4 = true, .tcp6 = true};
	else
		ioctl(tun->fd[0], TUNSETOFFLOAD, 0);
}

/* -EINVAL is also how a persistent device refuses flags other than those it was made with, and how
 * an old kernel refuses those it does not know: what was asked for goes first.
 */
static int open_first(struct tun *tun, struct ifreq *ifr, const struct tun_settings *set)
{
	const short header = set->has_offloads ? IFF_VNET_HDR : 0;
	const short multi = set->queues > 1 ? IFF_MULTI_QUEUE : 0;
	const short flags[] = {header | multi, header | (multi ^ IFF_MULTI_QUEUE), multi,
	                       multi ^ IFF_MULTI_QUEUE};

	for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
		int fd = open_queue(ifr, (short)(IFF_TUN | IFF_NO_PI | flags[i]));

		if (fd == -EINVAL)
			continue;
		if (fd < 0)
			return fd;
		tun->fd[0] = fd;
		tun->queues = 1;
		tun->has_header = flags[i] & IFF_VNET_HDR;
		return flags[i] & IFF_MULTI_QUEUE ? 1 : 0;
	}
	return -EINVAL;
}

int tun_open(struct tun *tun, const struct tun_settings *set)
{
	struct ifreq ifr = {0};
	int r;

	*tun = (struct tun){0};
	if (strlen(set->name) >= IFNAMSIZ)
		return -ENAMETOOLONG;
	strcpy(ifr.ifr_name, set->name);
	r = open_first(tun, &ifr, set);
	if (r < 0)
		return r;
	while (r > 0 && tun->queues < set->queues) {
		short flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE |
		              (tun->has_header ? IFF_VNET_HDR : 0);
		int fd = open_queue(&ifr, flags);

		if (fd < 0) {
			r = fd;
			goto err_close;
		}
		tun->fd[tun->queues++] = fd;
	}
	r = set_queue_len(ifr.ifr_name, set->queue_len_pkts);
	if (r)
		goto err_close;
	ask_offloads(tun);
	memcpy(tun->name, ifr.ifr_name, TUN_NAME_LEN);
	return 0;
err_close:
	tun_close(tun);
	return r;
}

void tun_close(struct tun *tun)
{
	for (unsigned i = 0; i < tun->queues; i++)
		close(tun->fd[i]);
	tun->queues = 0;
}
