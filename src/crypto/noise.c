/* SPDX-License-Identifier: MIT */
/* Every message is computed on copies; the caller's structures are written at the very end, when
 * nothing can fail any more. Each function has one way out, which wipes the copies.
 */
#include "crypto/noise.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/blake2s.h"
#include "crypto/kdf.h"

#define TAI_EPOCH ((1ull << 62) + 10) /* TAI64 label of the Unix epoch; leap seconds are left out */

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

static void mix_hash(struct noise_handshake *hs, const void *data, size_t len)
{
	blake2s_hash(hs->hash, hs->hash, HASH_LEN, data, len);
}

/* Token "e", of either side; the psk modifier also puts the key into the chain. */
static void mix_ephemeral(struct noise_handshake *hs, const uint8_t public_key[static KEY_LEN])
{
	mix_hash(hs, public_key, KEY_LEN);
	kdf(hs->chain, public_key, KEY_LEN, hs->chain, NULL, NULL);
}

/* Tokens "es", "ee" and "se". @key, if wanted, is the next AEAD key. False for a zero result. */
static bool mix_dh(struct noise_handshake *hs, const uint8_t private_key[static KEY_LEN],
                   const uint8_t public_key[static KEY_LEN], uint8_t *key)
{
	uint8_t shared[KEY_LEN];
	bool ok = dh(shared, private_key, public_key);

	if (ok)
		kdf(hs->chain, shared, KEY_LEN, hs->chain, key, NULL);
	secret_wipe(shared, sizeof shared);
	return ok;
}

/* Token "ss", computed in advance. False when it was zero. */
static bool mix_static_static(struct noise_handshake *hs, const struct noise_remote *remote,
                              uint8_t key[static KEY_LEN])
{
	if (!remote->is_usable)
		return false;
	kdf(hs->chain, remote->static_static, KEY_LEN, hs->chain, key, NULL);
	return true;
}

/* Token "psk". */
static void mix_preshared(struct noise_handshake *hs, const struct noise_remote *remote,
                          uint8_t key[static KEY_LEN])
{
	uint8_t t[HASH_LEN];

	kdf(hs->chain, remote->preshared_key, KEY_LEN, hs->chain, t, key);
	mix_hash(hs, t, HASH_LEN);
	secret_wipe(t, sizeof t);
}

/* Each key seals one text only, so the counter is always 0. */
static void seal_and_hash(struct noise_handshake *hs, uint8_t *dst, const uint8_t *src, size_t len,
                          const uint8_t key[static KEY_LEN])
{
	aead_seal(dst, src, len, hs->hash, HASH_LEN, 0, key);
	mix_hash(hs, dst, len + AEAD_TAG_LEN);
}

static bool open_and_hash(struct noise_handshake *hs, uint8_t *dst, const uint8_t *src, size_t len,
                          const uint8_t key[static KEY_LEN])
{
	if (!aead_open(dst, src, len, hs->hash, HASH_LEN, 0, key))
		return false;
	mix_hash(hs, src, len);
	return true;
}

/* The state both sides share once the initiator's ephemeral key is known. */
static void begin(struct noise_handshake *hs, const uint8_t responder[static KEY_LEN],
                  const uint8_t ephemeral[static KEY_LEN])
{
	memset(hs, 0, sizeof *hs);
	blake2s_hash(hs->chain, construction, sizeof construction - 1, NULL, 0);
	blake2s_hash(hs->hash, hs->chain, HASH_LEN, identifier, sizeof identifier - 1);
	mix_hash(hs, responder, KEY_LEN);
	mix_ephemeral(hs, ephemeral);
}

void noise_identity_init(struct noise_identity *self, const uint8_t private_key[static KEY_LEN])
{
	memcpy(self->private_key, private_key, KEY_LEN);
	dh_clamp(self->private_key);
	dh_public(self->public_key, self->private_key);
}

void noise_remote_init(struct noise_remote *remote, const struct noise_identity *self,
                       const uint8_t public_key[static KEY_LEN], const uint8_t *preshared_key)
{
	memset(remote, 0, sizeof *remote);
	memcpy(remote->public_key, public_key, KEY_LEN);
	noise_remote_set_preshared_key(remote, preshared_key);
	remote->is_usable = dh(remote->static_static, self->private_key, public_key);
}

void noise_remote_set_preshared_key(struct noise_remote *remote, const uint8_t *preshared_key)
{
	if (preshared_key)
		memcpy(remote->preshared_key, preshared_key, KEY_LEN);
	else
		memset(remote->preshared_key, 0, KEY_LEN);
}

int noise_create_initiation(struct noise_handshake *hs, const struct noise_identity *self,
                            const struct noise_remote *remote,
                            const uint8_t ephemeral[static KEY_LEN],
                            const uint8_t timestamp[static TAI64N_LEN], uint32_t local_index,
                            struct message_initiation *msg)
{
	struct message_initiation out = {0};
	struct noise_handshake next;
	uint8_t key[KEY_LEN];
	int r = -EKEYREJECTED;

	store_le32(out.type, MESSAGE_INITIATION);
	store_le32(out.sender_index, local_index);
	dh_public(out.ephemeral, ephemeral);
	begin(&next, remote->public_key, out.ephemeral);
	if (!mix_dh(&next, ephemeral, remote->public_key, key))
		goto wipe;
	seal_and_hash(&next, out.static_sealed, self->public_key, KEY_LEN, key);
	if (!mix_static_static(&next, remote, key))
		goto wipe;
	seal_and_hash(&next, out.timestamp_sealed, timestamp, TAI64N_LEN, key);

	memcpy(next.ephemeral_private, ephemeral, KEY_LEN);
	next.local_index = local_index;
	*hs = next;
	*msg = out;
	r = 0;
wipe:
	secret_wipe(&next, sizeof next);
	secret_wipe(key, sizeof key);
	return r;
}

int noise_open_initiation(struct noise_initiation *ret, const struct noise_identity *self,
                          const struct message_initiation *msg)
{
	struct noise_initiation next;
	uint8_t key[KEY_LEN];
	int r = -EKEYREJECTED;

	begin(&next.handshake, self->public_key, msg->ephemeral);
	if (!mix_dh(&next.handshake, self->private_key, msg->ephemeral, key))
		goto wipe;
	r = -EBADMSG;
	if (!open_and_hash(&next.handshake, next.public_key, msg->static_sealed,
	                   sizeof msg->static_sealed, key))
		goto wipe;

	memcpy(next.handshake.ephemeral_remote, msg->ephemeral, KEY_LEN);
	next.handshake.remote_index = load_le32(msg->sender_index);
	*ret = next;
	r = 0;
wipe:
	secret_wipe(&next, sizeof next);
	secret_wipe(key, sizeof key);
	return r;
}

int noise_accept_initiation(struct noise_initiation *init, const struct noise_remote *remote,
                            const struct message_initiation *msg,
                            uint8_t ret_timestamp[static TAI64N_LEN])
{
	struct noise_handshake next = init->handshake;
	uint8_t key[KEY_LEN], timestamp[TAI64N_LEN];
	int r = -EKEYREJECTED;

	if (!mix_static_static(&next, remote, key))
		goto wipe;
	r = -EBADMSG;
	if (!open_and_hash(&next, timestamp, msg->timestamp_sealed, sizeof msg->timestamp_sealed,
	                   key))
		goto wipe;

	init->handshake = next;
	memcpy(ret_timestamp, timestamp, TAI64N_LEN);
	r = 0;
wipe:
	secret_wipe(&next, sizeof next);
	secret_wipe(key, sizeof key);
	return r;
}

int noise_create_response(struct noise_handshake *hs, const struct noise_remote *remote,
                          const uint8_t ephemeral[static KEY_LEN], uint32_t local_index,
                          struct message_response *msg)
{
	struct noise_handshake next = *hs;
	struct message_response out = {0};
	uint8_t key[KEY_LEN];
	int r = -EKEYREJECTED;

	store_le32(out.type, MESSAGE_RESPONSE);
	store_le32(out.sender_index, local_index);
	store_le32(out.receiver_index, hs->remote_index);
	dh_public(out.ephemeral, ephemeral);
	mix_ephemeral(&next, out.ephemeral);
	if (!mix_dh(&next, ephemeral, hs->ephemeral_remote, NULL) ||
	    !mix_dh(&next, ephemeral, remote->public_key, NULL))
		goto wipe;
	mix_preshared(&next, remote, key);
	seal_and_hash(&next, out.empty_sealed, NULL, 0, key);

	next.local_index = local_index;
	*hs = next;
	*msg = out;
	r = 0;
wipe:
	secret_wipe(&next, sizeof next);
	secret_wipe(key, sizeof key);
	return r;
}

int noise_consume_response(struct noise_handshake *hs, const struct noise_identity *self,
                           const struct noise_remote *remote, const struct message_response *msg)
{
	struct noise_handshake next = *hs;
	uint8_t key[KEY_LEN];
	int r = -EKEYREJECTED;

	mix_ephemeral(&next, msg->ephemeral);
	if (!mix_dh(&next, hs->ephemeral_private, msg->ephemeral, NULL) ||
	    !mix_dh(&next, self->private_key, msg->ephemeral, NULL))
		goto wipe;
	mix_preshared(&next, remote, key);
	r = -EBADMSG;
	if (!open_and_hash(&next, NULL, msg->empty_sealed, sizeof msg->empty_sealed, key))
		goto wipe;

	next.remote_index = load_le32(msg->sender_index);
	*hs = next;
	r = 0;
wipe:
	secret_wipe(&next, sizeof next);
	secret_wipe(key, sizeof key);
	return r;
}

void noise_split(struct noise_handshake *hs, bool is_initiator, uint8_t ret_send[static KEY_LEN],
                 uint8_t ret_receive[static KEY_LEN])
{
	if (is_initiator)
		kdf(hs->chain, NULL, 0, ret_send, ret_receive, NULL);
	else
		kdf(hs->chain, NULL, 0, ret_receive, ret_send, NULL);
	secret_wipe(hs, sizeof *hs);
}

void noise_timestamp(uint8_t out[static TAI64N_LEN], uint64_t unix_s, uint32_t ns, uint32_t low24)
{
	store_be64(out, TAI_EPOCH + unix_s);
	store_be32(out + 8, (ns & ~BONDING_MARKER_MASK) | (low24 & BONDING_MARKER_MASK));
}

uint32_t noise_timestamp_low24(const uint8_t timestamp[static TAI64N_LEN])
{
	return load_be32(timestamp + 8) & BONDING_MARKER_MASK;
}
