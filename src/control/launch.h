/* SPDX-License-Identifier: MIT */
/* launch.h - the process and whoever started it: going into the background, "ready", "stopping".
 *
 *      launch_detach()                   in the daemon, not in the foreground
 *        |  the process that was called waits, and ends with what the daemon tells it:
 *        +-- launch_ready()              status 0
 *        +-- launch_ended()              the status of a daemon that could not start
 *
 * What goes wrong until then is written to standard error, which both have. A service manager is
 * told the same through the socket that NOTIFY_SOCKET names (sd_notify(3)).
 */
#ifndef CONTROL_LAUNCH_H
#define CONTROL_LAUNCH_H

#define LAUNCH_LOST 2 /* status of the waiting process when the daemon vanished without a word */

struct launch {
	int parent_fd; /* where the waiting process listens; -1: there is none */
};

/* In the foreground. Makes sure that descriptors 0 to 2 are open, so that no device or socket gets
 * one of those numbers and later a log line. Returns 0 or a negative errno.
 */
int launch_init(struct launch *launch);

/* Goes into the background: returns in a new process, in a session of its own and without a way
 * back to a terminal, 0; the calling process stays and waits. Or a negative errno and nothing is
 * done. Before there are threads, secrets (locks on memory are lost in a new process) or open
 * files.
 */
int launch_detach(struct launch *launch);

/* Everything is set up. In the background also lets go of the working directory and of standard
 * input, output and error. Returns 0, or a negative errno: -EPIPE when the waiting process was
 * ended meanwhile, so that nobody wants the daemon any more.
 */
int launch_ready(struct launch *launch);

/* The daemon begins to stop. Does not wait for a manager that does not listen. */
void launch_stopping(void);

/* It ends with @status. Tells the waiting process, if that still waits. */
void launch_ended(struct launch *launch, int status);

#endif
