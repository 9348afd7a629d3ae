/* SPDX-License-Identifier: MIT */
#include "control/uplink_trouble.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/refusal.h"

enum uplink_trouble uplink_trouble_of(int error, bool has_other_family)
{
	switch (error) {
	case -EADDRINUSE:
	case -EACCES:
	case -EPERM:
		return UPLINK_TROUBLE_STAYS;
	case -EAFNOSUPPORT:
		return has_other_family ? UPLINK_TROUBLE_NO_FAMILY : UPLINK_TROUBLE_PASSES;
	default:
		return UPLINK_TROUBLE_PASSES;
	}
}

void uplink_trouble_tell_trains(struct link *link)
{
	int error = train_limit_take_error(&link->trains);

	if (error)
		log_warning("link=%s: the device refuses trains of datagrams, %s; they leave one "
		            "by one",
		            link->name, strerror(error));
}

void uplink_trouble_tell(const struct uplink_pair *pair, int error, enum uplink_trouble trouble,
                         uint64_t again_ns)
{
	const char *name = pair->link->name, *device = *pair->device ? pair->device : NULL;
	bool is_ipv6 = pair->family == AF_INET6;
	char text[ENDPOINT_TEXT_LEN], hint[REFUSAL_HINT_LEN];

	if (!strcmp(pair->reason, strerror(-error)))
		return; /* said before */
	endpoint_format(&pair->line.bind, text);
	refusal_hint(-error, hint);
	switch (trouble) {
	case UPLINK_TROUBLE_STAYS:
		log_error("link=%s: cannot use %s%s%s, %s%s", name, text,
		          device ? " on device " : "", device ? device : "", strerror(-error),
		          hint);
		break;
	case UPLINK_TROUBLE_NO_FAMILY:
		log_warning("link=%s: this system has no %s, using %s alone", name,
		            is_ipv6 ? "IPv6" : "IPv4", is_ipv6 ? "IPv4" : "IPv6");
		break;
	case UPLINK_TROUBLE_PASSES:
		log_warning("link=%s: cannot use %s%s%s, %s; trying again in %.0f s%s", name, text,
		            device ? " on device " : "", device ? device : "", strerror(-error),
		            (double)again_ns / NS_PER_S, hint);
		break;
	}
}
