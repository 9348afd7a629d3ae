/* SPDX-License-Identifier: MIT */
#include "bench/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/netns.h"
#include "bench/wait.h"

#define STOP_NS         (5 * NS_PER_SECOND)
#define ASK_INTERVAL_NS (20 * NS_PER_MS)
#define CANNOT_EXECUTE  127

/* ---- in the child ---- */

/* @parent: who must still be there, or the death signal was set too late. */
static void settle_in(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CANNOT_EXECUTE);
	setpgid(0, 0);
	wait_reset_signals();
}

static bool redirect(int fd, int to, int null)
{
	return dup2(fd > 0 ? fd : null, to) == to;
}

static _Noreturn void execute(const struct process_spec *spec)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && redirect(spec->errors, STDERR_FILENO, null) &&
	    redirect(spec->input, STDIN_FILENO, null) &&
	    redirect(spec->output, STDOUT_FILENO, null) &&
	    (!spec->netns || !netns_enter(spec->netns)))
		execvp(spec->argv[0], (char *const *)spec->argv);
	dprintf(STDERR_FILENO, "%s: %s\n", spec->argv[0], strerror(errno));
	_exit(CANNOT_EXECUTE);
}

/* ---- life ---- */

/* The C libraries have wrappers of these since glibc 2.36 only, and musl has none. */
static int open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int send_signal(const struct process *p, int signal)
{
	return (int)syscall(SYS_pidfd_send_signal, p->pidfd, signal, NULL, 0);
}

static int adopt(pid_t pid, struct process *ret)
{
	int pidfd = open_pidfd(pid);

	if (pidfd < 0) {
		int err = -errno;

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return err;
	}
	*ret = (struct process){.pid = pid, .pidfd = pidfd};
	return 0;
}

int process_start(const struct process_spec *spec, struct process *ret)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		settle_in(parent);
		execute(spec);
	}
	return adopt(pid, ret);
}

int process_start_with(const struct process_spec *spec, const char *text, struct process *ret)
{
	struct process_spec fed = *spec;

	fed.input = text ? process_text_fd(text) : -ENOMEM;
	if (fed.input < 0)
		return fed.input;
	int err = process_start(&fed, ret);
	close(fed.input);
	return err;
}

int process_fork(int (*run)(void *arg), void *arg, struct process *ret)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		settle_in(parent);
		_exit(run(arg));
	}
	return adopt(pid, ret);
}

/* It has ended or is about to after SIGKILL. */
static int reap(struct process *p)
{
	siginfo_t info = {0};

	while (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	close(p->pidfd);
	*p = (struct process){0};
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int process_await(const struct process *p, int (*ask)(void *arg), void *arg, uint64_t deadline_ns)
{
	for (;;) {
		int err = ask(arg);
		if (err != -EAGAIN)
			return err;
		int at = wait_readable(&p->pidfd, 1, wait_deadline_ns(ASK_INTERVAL_NS));
		if (at != -ETIMEDOUT)
			return at < 0 ? at : -ECHILD;
		if (wait_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
	}
}

int process_wait(struct process *p, uint64_t deadline_ns, int *ret_status)
{
	int at = wait_readable(&p->pidfd, 1, deadline_ns);

	if (at < 0)
		return at;
	*ret_status = reap(p);
	return 0;
}

void process_terminate(struct process *p)
{
	if (p->pid && !p->is_terminating)
		send_signal(p, SIGTERM);
	p->is_terminating = true;
}

bool process_stop(struct process *p)
{
	if (!p->pid)
		return true;
	process_terminate(p);
	bool in_time = !wait_readable_regardless(p->pidfd, wait_deadline_ns(STOP_NS));
	if (!in_time)
		send_signal(p, SIGKILL);
	reap(p);
	return in_time;
}

/* ---- with text in and out ---- */

int process_text_fd(const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	fchmod(fd, 0600);
	if (write(fd, text, len) == (ssize_t)len && !lseek(fd, 0, SEEK_SET))
		return fd;
	close(fd);
	return -EIO;
}

char *process_read_fd(int fd)
{
	struct stat file;
	char *text = fstat(fd, &file) ? NULL : malloc((size_t)file.st_size + 1);
	ssize_t got = text ? pread(fd, text, (size_t)file.st_size, 0) : -1;

	if (got < 0) {
		free(text);
		return NULL;
	}
	text[got] = '\0';
	return text;
}

static int run_to_end(const struct process_spec *spec, uint64_t deadline_ns)
{
	struct process p;
	int status, err = process_start(spec, &p);

	if (err)
		return err;
	err = process_wait(&p, deadline_ns, &status);
	if (!err)
		return status;
	process_stop(&p);
	return err;
}

int process_run(const struct process_spec *spec, const char *text, uint64_t deadline_ns,
                char **ret_text)
{
	struct process_spec with = *spec;
	int input = text ? process_text_fd(text) : 0;
	int output = ret_text ? process_text_fd("") : 0;
	int result = input < 0 ? input : output;

	if (text)
		with.input = input;
	if (ret_text)
		with.output = output;
	if (input >= 0 && output >= 0)
		result = run_to_end(&with, deadline_ns);
	if (result >= 0 && ret_text) {
		char *said = process_read_fd(output);

		if (said)
			*ret_text = said;
		else
			result = -ENOMEM;
	}
	if (input > 0)
		close(input);
	if (output > 0)
		close(output);
	return result;
}

bool process_can_run(const char *program)
{
	const char *directories = getenv("PATH");
	char path[PATH_MAX];

	if (strchr(program, '/'))
		return !access(program, X_OK);
	while (directories) {
		size_t len = strcspn(directories, ":");

		snprintf(path, sizeof path, "%.*s/%s", (int)len, directories, program);
		if (!access(path, X_OK))
			return true;
		directories = directories[len] ? directories + len + 1 : NULL;
	}
	return false;
}

/* ---- what it uses ---- */

uint64_t process_cpu_ns(const struct process *p)
{
	struct timespec used;
	clockid_t clock;

	if (!p->pid || clock_getcpuclockid(p->pid, &clock) || clock_gettime(clock, &used))
		return 0;
	return (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
}

uint64_t process_status_kib(const char *status, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, len) && line[len] == ':')
			return strtoull(line + len + 1, NULL, 10);
	}
	return 0;
}

uint64_t process_rss_kib(const struct process *p)
{
	char path[64], status[4096] = "";

	if (!p->pid)
		return 0;
	snprintf(path, sizeof path, "/proc/%d/status", p->pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	status[fread(status, 1, sizeof status - 1, file)] = '\0';
	fclose(file);
	return process_status_kib(status, "VmRSS");
}
