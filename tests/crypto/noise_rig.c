/* SPDX-License-Identifier: MIT */
#include "noise_rig.h"

#include "base/bytes.h"
#include "crypto/init.h"

void noise_rig_init(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

struct hosts hosts_of(const struct noise_vector *v)
{
	struct hosts h = {.v = v};

	noise_identity_init(&h.initiator, v->initiator_private);
	noise_identity_init(&h.responder, v->responder_private);
	noise_remote_init(&h.to_responder, &h.initiator, h.responder.public_key, v->preshared_key);
	noise_remote_init(&h.to_initiator, &h.responder, h.initiator.public_key, v->preshared_key);
	return h;
}

int create_initiation(const struct hosts *h, struct noise_handshake *hs,
                      struct message_initiation *msg)
{
	return noise_create_initiation(hs, &h->initiator, &h->to_responder,
	                               h->v->initiator_ephemeral, h->v->timestamp,
	                               load_le32(h->v->initiator_index), msg);
}

int create_response(const struct hosts *h, struct noise_handshake *hs, struct message_response *msg)
{
	return noise_create_response(hs, &h->to_initiator, h->v->responder_ephemeral,
	                             load_le32(h->v->responder_index), msg);
}

int consume_initiation(const struct hosts *h, struct noise_initiation *init,
                       const struct message_initiation *msg)
{
	uint8_t timestamp[TAI64N_LEN];
	int r = noise_open_initiation(init, &h->responder, msg);

	return r ? r : noise_accept_initiation(init, &h->to_initiator, msg, timestamp);
}

struct exchange exchange_of(const struct noise_vector *v)
{
	struct exchange x = {.hosts = hosts_of(v)};
	struct noise_initiation opened;

	cr_assert(eq(int, create_initiation(&x.hosts, &x.initiator, &x.initiation), 0));
	cr_assert(eq(int, consume_initiation(&x.hosts, &opened, &x.initiation), 0));
	x.responder = opened.handshake;
	cr_assert(eq(int, create_response(&x.hosts, &x.responder, &x.response), 0));
	return x;
}

int consume_response(struct exchange *x, const struct message_response *msg)
{
	return noise_consume_response(&x->initiator, &x->hosts.initiator, &x->hosts.to_responder,
	                              msg);
}
