/* SPDX-License-Identifier: MIT */
#include "bench/crypto_bare.h"

#include <sodium.h>
#include <stdlib.h>
#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

#include "base/bytes.h"

#define NONCE_LEN crypto_aead_chacha20poly1305_ietf_NPUBBYTES

struct bare {
	bool (*seal)(struct bare *bare, const uint8_t *key, const struct cipher_job *job);
	bool (*open)(struct bare *bare, const uint8_t *key, const struct cipher_job *job);
#ifdef HAVE_IPSEC_MB
	IMB_MGR *manager;
#endif
};

static void make_nonce(uint8_t nonce[static NONCE_LEN], uint64_t counter)
{
	store_le32(nonce, 0);
	store_le64(nonce + 4, counter);
}

static bool sodium_seal(struct bare *bare, const uint8_t *key, const struct cipher_job *job)
{
	uint8_t nonce[NONCE_LEN];

	(void)bare;
	make_nonce(nonce, job->counter);
	return crypto_aead_chacha20poly1305_ietf_encrypt(job->data, NULL, job->data, job->len, NULL,
	                                                 0, NULL, nonce, key) == 0;
}

static bool sodium_open(struct bare *bare, const uint8_t *key, const struct cipher_job *job)
{
	uint8_t nonce[NONCE_LEN];

	(void)bare;
	make_nonce(nonce, job->counter);
	return crypto_aead_chacha20poly1305_ietf_decrypt(job->data, NULL, NULL, job->data, job->len,
	                                                 NULL, 0, nonce, key) == 0;
}

#ifdef HAVE_IPSEC_MB

/* As the library's manual does it: the next free job filled in, submitted with its arguments
 * checked, flushed when it does not come back.
 */
static bool run_job(IMB_MGR *manager, IMB_CIPHER_DIRECTION direction, const uint8_t *key,
                    const struct cipher_job *message, uint32_t len, uint8_t *ret_tag)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(manager);
	bool is_seal = direction == IMB_DIR_ENCRYPT;
	uint8_t nonce[NONCE_LEN];

	make_nonce(nonce, message->counter);
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = direction;
	job->chain_order = is_seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = key;
	job->dec_keys = key;
	job->key_len_in_bytes = KEY_LEN;
	job->iv = nonce;
	job->iv_len_in_bytes = NONCE_LEN;
	job->u.CHACHA20_POLY1305.aad = NULL;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	job->src = message->data;
	job->dst = message->data;
	job->cipher_start_src_offset_in_bytes = 0;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = len;
	job->msg_len_to_hash_in_bytes = len;
	job->auth_tag_output = ret_tag;
	job->auth_tag_output_len_in_bytes = AEAD_TAG_LEN;
	job = IMB_SUBMIT_JOB(manager);
	if (!job)
		job = IMB_FLUSH_JOB(manager);
	return job && job->status == IMB_STATUS_COMPLETED;
}

static bool mb_seal(struct bare *bare, const uint8_t *key, const struct cipher_job *job)
{
	return run_job(bare->manager, IMB_DIR_ENCRYPT, key, job, job->len, job->data + job->len);
}

static bool mb_open(struct bare *bare, const uint8_t *key, const struct cipher_job *job)
{
	uint32_t text_len = job->len - AEAD_TAG_LEN;
	uint8_t tag[AEAD_TAG_LEN];

	return run_job(bare->manager, IMB_DIR_DECRYPT, key, job, text_len, tag) &&
	       sodium_memcmp(tag, job->data + text_len, sizeof tag) == 0;
}

static bool use_ipsec_mb(struct bare *bare)
{
	bare->seal = mb_seal;
	bare->open = mb_open;
	bare->manager = alloc_mb_mgr(0);
	if (!bare->manager)
		return false;
	init_mb_mgr_auto(bare->manager, NULL);
	return imb_get_errno(bare->manager) == 0;
}

#endif

struct bare *bare_create(enum cipher_library library)
{
	struct bare *bare = calloc(1, sizeof *bare);

	if (!bare)
		return NULL;
	bare->seal = sodium_seal;
	bare->open = sodium_open;
	if (library == CIPHER_SODIUM)
		return bare;
#ifdef HAVE_IPSEC_MB
	if (library == CIPHER_IPSEC_MB && use_ipsec_mb(bare))
		return bare;
#endif
	bare_destroy(bare);
	return NULL;
}

void bare_destroy(struct bare *bare)
{
#ifdef HAVE_IPSEC_MB
	if (bare && bare->manager)
		free_mb_mgr(bare->manager);
#endif
	free(bare);
}

void bare_seal(struct bare *bare, const uint8_t key[static KEY_LEN], const struct cipher_job *jobs,
               unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		bare->seal(bare, key, &jobs[i]);
}

unsigned bare_open(struct bare *bare, const uint8_t key[static KEY_LEN], struct cipher_job *jobs,
                   unsigned len)
{
	unsigned authentic = 0;

	for (unsigned i = 0; i < len; i++) {
		jobs[i].is_authentic = bare->open(bare, key, &jobs[i]);
		authentic += jobs[i].is_authentic;
	}
	return authentic;
}
