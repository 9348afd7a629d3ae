/* SPDX-License-Identifier: MIT */
/* intel-ipsec-mb behind cipher.h.
 *
 * Its job interface: a job is filled in the manager's ring, submitted, and comes back when done.
 * For ChaCha20-Poly1305 it comes back at once, so a batch is a plain loop with one nonce and one
 * tag; would a later version hold jobs back, the flush makes it finish. The burst interface and the
 * direct calls (start, update, finish) are not faster. What all jobs of a batch share is copied
 * from a template. The library's check of each job's arguments is left out: ours are right by
 * construction.
 */
#include <assert.h>
#include <intel-ipsec-mb.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/cipher_backend.h"

#define MANAGER_ALIGNMENT 64u
#define NONCE_LEN         12u

struct ipsec_mb {
	struct cipher cipher;
	IMB_MGR *manager;
	size_t manager_bytes;
};

/* The nonce of one message and the tag that the library computed for it. */
struct scratch {
	uint8_t nonce[NONCE_LEN];
	uint8_t tag[AEAD_TAG_LEN];
};

static IMB_MGR *manager_of(struct cipher *cipher)
{
	return ((struct ipsec_mb *)cipher)->manager;
}

static IMB_JOB make_template(IMB_CIPHER_DIRECTION direction, const uint8_t key[static KEY_LEN],
                             const struct scratch *scratch)
{
	return (IMB_JOB){
		.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305,
		.hash_alg = IMB_AUTH_CHACHA20_POLY1305,
		.cipher_direction = direction,
		.chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH
	                                                    : IMB_ORDER_HASH_CIPHER,
		.enc_keys = key,
		.dec_keys = key,
		.key_len_in_bytes = KEY_LEN,
		.iv = scratch->nonce,
		.iv_len_in_bytes = NONCE_LEN,
		.auth_tag_output_len_in_bytes = AEAD_TAG_LEN,
	};
}

/* One message of @len bytes without its tag, from start to end. */
static void run(IMB_MGR *manager, const IMB_JOB *template, uint8_t *data, uint32_t len,
                uint8_t *ret_tag)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(manager);

	*job = *template;
	job->src = data;
	job->dst = data;
	job->msg_len_to_cipher_in_bytes = len;
	job->msg_len_to_hash_in_bytes = len;
	job->auth_tag_output = ret_tag;
	job = IMB_SUBMIT_JOB_NOCHECK(manager);
	if (!job)
		job = IMB_FLUSH_JOB(manager);
	assert(job && job->status == IMB_STATUS_COMPLETED);
}

static void ipsec_mb_seal(struct cipher *cipher, const uint8_t key[static KEY_LEN],
                          const struct cipher_job *jobs, unsigned len)
{
	struct scratch scratch = {0};
	const IMB_JOB template = make_template(IMB_DIR_ENCRYPT, key, &scratch);

	for (const struct cipher_job *job = jobs; job < jobs + len; job++) {
		store_le64(scratch.nonce + NONCE_LEN - sizeof job->counter, job->counter);
		run(manager_of(cipher), &template, job->data, job->len, job->data + job->len);
	}
}

/* The library decrypts before the tag is known to be right. */
static unsigned ipsec_mb_open(struct cipher *cipher, const uint8_t key[static KEY_LEN],
                              struct cipher_job *jobs, unsigned len)
{
	struct scratch scratch = {0};
	const IMB_JOB template = make_template(IMB_DIR_DECRYPT, key, &scratch);
	unsigned authentic = 0;

	for (struct cipher_job *job = jobs; job < jobs + len; job++) {
		job->is_authentic = false;
		if (job->len < AEAD_TAG_LEN)
			continue;
		uint32_t text_len = job->len - AEAD_TAG_LEN;

		store_le64(scratch.nonce + NONCE_LEN - sizeof job->counter, job->counter);
		run(manager_of(cipher), &template, job->data, text_len, scratch.tag);
		if (crypto_verify_16(scratch.tag, job->data + text_len) == 0)
			job->is_authentic = true;
		else
			sodium_memzero(job->data, text_len);
		authentic += job->is_authentic;
	}
	/* The tag computed for a forgery is the one that would have made it authentic. */
	sodium_memzero(&scratch, sizeof scratch);
	return authentic;
}

static void ipsec_mb_destroy(struct cipher *cipher)
{
	struct ipsec_mb *mb = (struct ipsec_mb *)cipher;

	sodium_memzero(mb->manager, mb->manager_bytes);
	free(mb->manager);
	free(mb);
}

/* The library starts with a test of itself, whose failure is an error here too. Its code for CPUs
 * without AVX2 gains little over libsodium and is left alone.
 */
static bool start_manager(IMB_MGR *manager)
{
	IMB_ARCH arch = IMB_ARCH_NONE;

	init_mb_mgr_auto(manager, &arch);
	return imb_get_errno(manager) == 0 && arch >= IMB_ARCH_AVX2;
}

/* The manager lies in memory of ours, so that it can be wiped as a whole before it is freed. */
struct cipher *cipher_ipsec_mb_create(void)
{
	static const struct cipher_backend backend = {
		.seal = ipsec_mb_seal,
		.open = ipsec_mb_open,
		.destroy = ipsec_mb_destroy,
	};
	size_t bytes = imb_get_mb_mgr_size(); /* no multiple of the alignment */
	struct ipsec_mb *mb = malloc(sizeof *mb);
	void *memory = NULL;

	if (!mb || posix_memalign(&memory, MANAGER_ALIGNMENT, bytes))
		goto err_free;
	memset(memory, 0, bytes);
	*mb = (struct ipsec_mb){
		.cipher.backend = &backend,
		.manager = imb_set_pointers_mb_mgr(memory, 0, 1),
		.manager_bytes = bytes,
	};
	if (!mb->manager || !start_manager(mb->manager))
		goto err_free;
	return &mb->cipher;

err_free:
	free(memory);
	free(mb);
	return NULL;
}
