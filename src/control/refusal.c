/* SPDX-License-Identifier: MIT */
#include "control/refusal.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "config/inventory.h"

#define REFUSED "the system refused to send: "

static const struct {
	int error;
	const char *reason;
} reasons[] = {
	{EPERM, REFUSED "operation not permitted (a firewall, or a full connection table)"},
	{EACCES, REFUSED "permission denied (a route that prohibits, or a broadcast address)"},
	{ENETUNREACH, REFUSED "network is unreachable (no route to the endpoint over this link)"},
	{EHOSTUNREACH, REFUSED "no route to host (the gateway of this link does not answer)"},
	{ENETDOWN, REFUSED "network is down (the device of this link is)"},
	{ENODEV, REFUSED "no such device"},
	{ENXIO, REFUSED "no such device or address"},
	{EADDRNOTAVAIL, REFUSED "cannot assign requested address (the link's own is gone)"},
	{EINVAL, REFUSED "invalid argument (the link's own address does not reach the endpoint)"},
	{EAFNOSUPPORT, REFUSED "address family not supported (IPv6 is off, or not this link's)"},
	{EMSGSIZE, REFUSED "message too long (for the MTU of this link)"},
	{ECONNREFUSED, REFUSED "connection refused (nobody listens at the endpoint)"},
	{ENOBUFS, REFUSED "no buffer space available"},
	{ENOMEM, REFUSED "cannot allocate memory"},
	{EIO, REFUSED "input/output error"},
};

const char *refusal_reason(int error)
{
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].error == error)
			return reasons[i].reason;
	return REFUSED "an unusual error, which the log names";
}

const char *refusal_hint(int error, char buf[static REFUSAL_HINT_LEN])
{
	char inventory[INVENTORY_TEXT_LEN];

	buf[0] = '\0';
	switch (error) {
	case ENODEV:
	case EADDRNOTAVAIL:
		snprintf(buf, REFUSAL_HINT_LEN, "; the devices of this machine: %s",
		         inventory_text(inventory));
		break;
	case EADDRINUSE:
		snprintf(buf, REFUSAL_HINT_LEN,
		         "; another program has this port, `ss -ulpn` shows which");
		break;
	case EPERM:
	case EACCES:
		snprintf(buf, REFUSAL_HINT_LEN,
		         "; this takes CAP_NET_ADMIN, and CAP_NET_BIND_SERVICE for ports below "
		         "1024; root has both");
		break;
	case EAFNOSUPPORT:
		snprintf(buf, REFUSAL_HINT_LEN, "; this system has IPv6 switched off");
		break;
	}
	return buf;
}
