/* SPDX-License-Identifier: MIT */
/* crypto_ready.h - what has to be done before a subcommand computes with keys. */
#ifndef BENCH_CRYPTO_READY_H
#define BENCH_CRYPTO_READY_H

/* Readies the crypto room. Returns VTBENCH_OK, or VTBENCH_FAILED after a message. */
int crypto_ready(void);

#endif
