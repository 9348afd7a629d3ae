/* SPDX-License-Identifier: MIT */
/* process.h - the programs a benchmark runs: children with a bounded life, in a network namespace
 * or not.
 *
 * Each child is held by a pidfd, has a process group of its own (Ctrl-C reaches the benchmark
 * alone, which then stops them in order) and is killed by the kernel should the benchmark die
 * first. One thread.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct netns;

/* All zero: none. */
struct process {
	pid_t pid;
	int pidfd;
	bool is_terminating; /* was asked to end */
};

struct process_spec {
	const struct netns *netns; /* NULL: ours */
	const char *const *argv;   /* ends with NULL; looked up in PATH */
	int input, output, errors; /* descriptors, stay the caller's; 0: /dev/null */
};

/* Returns 0 or a negative errno. A program that cannot be executed shows as exit status 127. */
int process_start(const struct process_spec *spec, struct process *ret);

/* The same with @text as its standard input, in the place of the spec's. NULL: -ENOMEM. */
int process_start_with(const struct process_spec *spec, const char *text, struct process *ret);

/* A child that calls @run(@arg) and ends with its result. */
int process_fork(int (*run)(void *arg), void *arg, struct process *ret);

/* Until it ended: 0 and its exit status (128 and the number of a signal that ended it), and @p is
 * none then; or -ETIMEDOUT, -EINTR as wait_readable(), and it still runs.
 */
int process_wait(struct process *p, uint64_t deadline_ns, int *ret_status);

/* Asks @ask(@arg), 50 times a second, until that is no longer -EAGAIN, and returns it: whether @p
 * is ready. Else -ECHILD when it ended before, or -ETIMEDOUT, -EINTR as wait_readable().
 */
int process_await(const struct process *p, int (*ask)(void *arg), void *arg, uint64_t deadline_ns);

/* SIGTERM, once; for stopping several side by side. */
void process_terminate(struct process *p);

/* SIGTERM unless sent already, SIGKILL after 5 s. @p is none then. Returns whether it left by
 * itself.
 */
bool process_stop(struct process *p);

/* Runs a program to its end. @text is its standard input (NULL: none), *@ret_text what it writes to
 * standard output, the caller's to free() (NULL: not wanted; the spec's descriptor counts). Killed
 * at the deadline. Returns its exit status or a negative errno.
 */
int process_run(const struct process_spec *spec, const char *text, uint64_t deadline_ns,
                char **ret_text);

/* An anonymous file that holds @text, to be read from its begin; for the eyes of root only. Returns
 * the descriptor or a negative errno.
 */
int process_text_fd(const char *text);

/* All that anonymous file @fd holds, or NULL; the caller's to free(). */
char *process_read_fd(int fd);

/* Whether @program is there and may be executed; without a slash, in PATH. */
bool process_can_run(const char *program);

/* Nanoseconds of processor time, user and system, of all its threads, also those that ended. 0 for
 * none.
 */
uint64_t process_cpu_ns(const struct process *p);

/* Resident memory in KiB; 0 for none, or one that ended. */
uint64_t process_rss_kib(const struct process *p);

/* What the line "@name: N kB" of /proc/PID/status says; 0 without one. */
uint64_t process_status_kib(const char *status, const char *name);

#endif
