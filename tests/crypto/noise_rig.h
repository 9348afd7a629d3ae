/* SPDX-License-Identifier: MIT */
/* noise_rig.h - two hosts with the keys of a vector, and handshakes between them. */
#ifndef TESTS_CRYPTO_NOISE_RIG_H
#define TESTS_CRYPTO_NOISE_RIG_H

#include "../bytes_rig.h"
#include "crypto/noise.h"
#include "noise_vectors.h"

#define VECTOR_COUNT (sizeof noise_vectors / sizeof *noise_vectors)

/* For the .init of a suite. */
void noise_rig_init(void);

/* They know each other. */
struct hosts {
	const struct noise_vector *v;
	struct noise_identity initiator;
	struct noise_identity responder;
	struct noise_remote to_responder; /* what the initiator knows of the responder */
	struct noise_remote to_initiator;
};

struct hosts hosts_of(const struct noise_vector *v);

/* As of noise.h, with the keys, index and time of the vector. */
int create_initiation(const struct hosts *h, struct noise_handshake *hs,
                      struct message_initiation *msg);
int create_response(const struct hosts *h, struct noise_handshake *hs,
                    struct message_response *msg);

/* Both halves, with the responder's keys. */
int consume_initiation(const struct hosts *h, struct noise_initiation *init,
                       const struct message_initiation *msg);

/* A handshake that has come as far as the response, both sides' states included. */
struct exchange {
	struct hosts hosts;
	struct noise_handshake initiator;
	struct noise_handshake responder;
	struct message_initiation initiation;
	struct message_response response;
};

struct exchange exchange_of(const struct noise_vector *v);

int consume_response(struct exchange *x, const struct message_response *msg);

#endif
