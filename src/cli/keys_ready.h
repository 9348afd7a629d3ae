/* SPDX-License-Identifier: MIT */
/* keys_ready.h - what has to be done before a process touches keys. */
#ifndef CLI_KEYS_READY_H
#define CLI_KEYS_READY_H

/* Readies the crypto room and forbids core dumps, which would hold keys. Returns CLI_OK, or
 * CLI_FAILED after a message.
 */
int keys_ready(void);

#endif
