/* SPDX-License-Identifier: MIT */
/* signals.h - what the daemon does about each signal.
 *
 *   SIGINT SIGTERM SIGXCPU   read from a descriptor: stop, with a goodbye to the peers
 *   SIGHUP                   read from the descriptor: said in the log, nothing else
 *   SIGUSR1 SIGALRM ...      ignored, as all that would end the process without a goodbye and mean
 *                            nothing to it; among them what the kernel sends for a failed write
 *   SIGQUIT                  left to the system: the way to end a daemon that does not stop.
 *                            Without a core, which would hold keys (crypto/secret.h)
 *   SIGABRT SIGSEGV ...      left to the system, as SIGTSTP and SIGCONT are
 */
#ifndef CONTROL_SIGNALS_H
#define CONTROL_SIGNALS_H

enum signal_wish {
	SIGNAL_NONE,   /* nothing waits */
	SIGNAL_STOP,   /* end, with a goodbye */
	SIGNAL_RELOAD, /* look at the configuration again */
};

/* Sets the above up for the process and returns the descriptor, non-blocking, readable when a
 * signal waits; the caller's to close. Or a negative errno. Before the first thread, which
 * inherits the mask.
 */
int signals_open(void);

/* The next signal that waits at @fd; *@ret_name is "SIGTERM" and the like, untouched when none
 * does.
 */
enum signal_wish signals_take(int fd, const char **ret_name);

/* From now on SIGINT and SIGTERM end the process at once, as SIGQUIT does. The calling thread must
 * be the one that takes signals.
 */
void signals_end_at_once(void);

#endif
