/* SPDX-License-Identifier: MIT */
/* ctl_rig.h - the control socket's server in a loop of a few lines, with a clock of its own and
 * clients in the same process. What stands in for the daemon takes any line and answers with as
 * much as it is told to.
 */
#ifndef TESTS_CONTROL_CTL_RIG_H
#define TESTS_CONTROL_CTL_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "control/ctl_socket.h"
#include "vtrunkd/ctl.h"

#define STATUS_REQUEST "{\"request\":\"status\"}\n"

extern struct ctl_rig {
	struct loop loop;
	struct ctl_socket *socket;
	uint64_t now_ns;
	char directory[32];
	char run[64];  /* in it, where the server shall make its socket */
	char path[96]; /* the socket */
	char interface[16];
	struct {
		char line[CTL_REQUEST_MAX + 1]; /* of the last one */
		unsigned asked, gone;
		bool is_late;     /* who asks is answered by the test */
		size_t reply_len; /* the next one's */
		struct {
			bool is_there, has_begun, is_refused;
			size_t left;
		} client[CTL_CLIENTS_MAX];
	} service;
} ctl;

extern const struct ctl_calls ctl_calls; /* of the service, which is their argument */

/* For the .init and .fini of a suite. There is no server yet. */
void ctl_start(void);
void ctl_stop(void);

/* As ctl_socket_create() does. */
int ctl_create(void);

/* What the loop does, without sleeping. Returns how many events there were. */
int ctl_turn(void);
void ctl_turn_until_idle(void);

/* ---- clients ---- */

int ctl_client(void);

/* Lets the loop turn while there is no room. */
void ctl_say(int fd, const char *text, size_t len);

/* All that comes until the server closes; valid until the next call. */
char *ctl_hear(int fd);

bool ctl_is_closed(int fd);

/* "ok", or the text of the refusal. The reply must be one line of one object. */
const char *ctl_verdict(const char *text);

/* The verdict on a request of a client of its own. */
const char *ctl_ask(const char *request, size_t len);

#endif
