/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/handshake_reader.h"

#include "dataplane/engine_private.h"
#include "dataplane/inject.h"

int engine_handshake_fd(const struct engine *engine)
{
	return engine->mailbox.handshake_bell.fd;
}

void engine_handshakes_begin(struct engine *engine)
{
	mailbox_begin_handshakes(&engine->mailbox);
}

struct batch *engine_take_handshake(struct engine *engine)
{
	return mailbox_take_handshake(&engine->mailbox);
}

void engine_wake_handshakes(struct engine *engine)
{
	mailbox_wake_handshakes(&engine->mailbox);
}

void engine_receive(struct engine *engine, const struct route *route, const uint8_t *datagram,
                    size_t len)
{
	inject_data(&engine->handshakes, route, datagram, len);
}

void engine_count_handshake_drop(struct engine *engine, enum drop_reason reason)
{
	dp_drop(&engine->handshakes, reason, 1);
}
