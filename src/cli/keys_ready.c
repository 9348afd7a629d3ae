/* SPDX-License-Identifier: MIT */
#include "cli/keys_ready.h"

#include <stdio.h>
#include <string.h>

#include "cli/exit.h"
#include "crypto/init.h"
#include "crypto/secret.h"

int keys_ready(void)
{
	if (crypto_init()) {
		fputs("vtrunkd: the cryptographic library fails its self-test\n", stderr);
		return CLI_FAILED;
	}
	int err = secret_forbid_dumps();
	if (err) {
		fprintf(stderr, "vtrunkd: cannot forbid core dumps: %s\n", strerror(-err));
		return CLI_FAILED;
	}
	return CLI_OK;
}
