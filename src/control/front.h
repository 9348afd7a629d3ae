/* SPDX-License-Identifier: MIT */
/* front.h - the thread that people and programs speak to: the control socket, and what it answers.
 *
 * Nothing of that is done by control, which keeps the state: clients come and go, are slow, send
 * nonsense, and an answer about 4096 peers takes a tenth of a second to print. Control is asked for
 * facts (facts.h) through a descriptor, gathers them when it has time, and hands them over:
 *
 *	client --status--> front --question_fd--> control
 *	client <--pieces-- front <--front_answer()-- control
 *
 * One question is under way at any time; who asks meanwhile waits for the next one, so an answer is
 * never older than its question, and ten who ask at once cost no more than two. Neither side waits
 * for the other.
 *
 * It is a thread of its own beside that of the log (base/log.h), which may be caught for ever in a
 * write to somebody else's terminal or pipe: who then asks why nothing is logged must be answered.
 */
#ifndef CONTROL_FRONT_H
#define CONTROL_FRONT_H

struct facts;
struct front;

/* Binds the control socket, as ctl_socket_create(). Returns 0 or a negative errno. Control. */
int front_create(const char *directory, const char *interface, struct front **ret);

/* The same in the run directory @wanted of a configuration; NULL: the default one, which may fail.
 * Logs what goes wrong. Returns 0, or a negative errno; *@ret is NULL where there is no socket, as
 * none is wanted or the default directory failed. Control.
 */
int front_open(const char *wanted, const char *interface, struct front **ret);

/* Starts the thread. Returns 0 or a negative errno. Control. */
int front_start(struct front *front);

/* Readable when facts are wanted. Control. */
int front_question_fd(const struct front *front);

/* Takes the question, which is to be answered once. Control. */
void front_take_question(struct front *front);

/* Takes over @facts; NULL: there was no memory for them. Control. */
void front_answer(struct front *front, struct facts *facts);

/* Ends the thread and lets go of all clients. NULL is allowed, as is one never started. Control. */
void front_destroy(struct front *front);

#endif
