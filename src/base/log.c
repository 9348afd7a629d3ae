/* SPDX-License-Identifier: MIT */
/* Until log_start() a line is written by whoever says it, with one write(2), so that lines of
 * several threads do not mix. From then on it goes into a ring, and a thread of its own writes:
 *
 *      log_write() --> ring --> writer --> standard error, or syslog(3)
 *
 * Somebody else's terminal, pipe or system log decides how long a line takes, and that may be for
 * ever; O_NONBLOCK is no way out, since it would hold for all who share the open file. The writer
 * waits for room with poll(2), where it can be reached, before it writes. It may still be caught
 * in a call that the kernel does not end: then the process leaves without it.
 */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_format.h"
#include "base/log_ring.h"
#include "base/thread.h"

#define DRAIN_MS   1000 /* at the end: what a reader that is merely slow needs for a full ring */
#define LEAVE_MS   100  /* for the writer to notice that it is given up */
#define NO_ROOM_MS 10   /* before a file that promised room and had none is tried again */

enum mode {
	MODE_DIRECT, /* whoever says a line writes it */
	MODE_QUEUED, /* it goes into the ring */
	MODE_CLOSED, /* it is lost: the writer is caught, and so would we be */
};

/* Relaxed throughout for level and format: a line more or less around the change is no harm. */
static _Atomic enum log_level current_level = LOG_LEVEL_INFO;
static _Atomic enum log_format current_format = LOG_FORMAT_TEXT;
static atomic_bool is_syslog; /* after openlog(), which release and acquire put before */
static _Atomic enum mode mode = MODE_DIRECT;

/* What the writer shares with others. */
static struct log_ring ring;
static struct thread writer;
static int wake_fd = -1, done_fd = -1; /* to the writer: look; from it: nothing is left */
static atomic_uint flush_asked;        /* number of the newest flush */
static atomic_uint flush_done;         /* and of the newest that the writer answered */
static atomic_bool is_stopping;        /* end when nothing is left */
static atomic_bool is_given_up;        /* end now */
static counter_t failed;               /* lines that could not be written */

/* systemd names the device and inode of the stream it reads; redirected elsewhere, it is not ours.
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static void wake_writer(void)
{
	if (atomic_load_explicit(&mode, memory_order_acquire) == MODE_QUEUED)
		eventfd_write(wake_fd, 1); /* non-blocking; at its limit it is readable anyway */
}

void log_init(enum log_level level, enum log_format format)
{
	if (format == LOG_FORMAT_AUTO)
		format = stderr_is_journal() ? LOG_FORMAT_JOURNAL : LOG_FORMAT_TEXT;
	atomic_store_explicit(&current_format, format, memory_order_relaxed);
	log_set_level(level);
}

void log_to_syslog(void)
{
	openlog("vtrunkd", LOG_PID, LOG_DAEMON);
	atomic_store_explicit(&is_syslog, true, memory_order_release);
	wake_writer();
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

/* ---- writing ---- */

static bool goes_to_syslog(void)
{
	return atomic_load_explicit(&is_syslog, memory_order_acquire);
}

static void take_wake(void)
{
	eventfd_t count;

	eventfd_read(wake_fd, &count);
}

static bool shall_go_to_stderr(void)
{
	return !goes_to_syslog() && !atomic_load(&is_given_up);
}

/* Until standard error takes a line; false when the line shall not go there any more. Standard
 * error may be replaced meanwhile, and poll() then looks at the new one when it is woken.
 */
static bool wait_for_room(void)
{
	while (shall_go_to_stderr()) {
		struct pollfd fds[] = {{.fd = STDERR_FILENO, .events = POLLOUT},
		                       {.fd = wake_fd, .events = POLLIN}};

		poll(fds, 2, -1);
		if (fds[0].revents) /* an error shows at the write */
			return shall_go_to_stderr();
		take_wake();
	}
	return false;
}

/* False when not all of it was written, and it may be tried elsewhere. */
static bool write_stderr(const char *text, size_t len, bool is_writer)
{
	while (len > 0) {
		if (is_writer && !wait_for_room())
			return false;
		ssize_t n = write(STDERR_FILENO, text, len);

		if (n < 0 && errno == EAGAIN)
			poll(NULL, 0, NO_ROOM_MS); /* somebody else has set O_NONBLOCK */
		else if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Changes the line. */
static void put_out(struct log_line *line, bool is_writer)
{
	enum log_format format = atomic_load_explicit(&current_format, memory_order_relaxed);
	char text[LOG_LINE_LEN];

	if (!goes_to_syslog()) {
		size_t len = log_format_line(line, format, text);

		if (len > 0 && write_stderr(text, len, is_writer))
			return;
	}
	if (!goes_to_syslog() || !log_format_syslog(line, format, text)) {
		counter_add_shared(&failed, 1);
		return;
	}
	syslog(log_syslog_priority(line->level), "%s", text);
}

/* ---- the writer ---- */

/* False when there is nothing to tell. */
static bool tell_lost(uint64_t *told, uint64_t lost)
{
	struct log_line line = {.time = clock_wall(), .level = LOG_LEVEL_WARNING};

	if (lost == *told)
		return false;
	snprintf(line.message, sizeof line.message,
	         "%llu lines of the log were lost here: they came faster than they were taken",
	         (unsigned long long)(lost - *told));
	*told = lost;
	put_out(&line, true);
	return true;
}

static void answer_flush(unsigned asked)
{
	if (asked == atomic_load(&flush_done))
		return;
	atomic_store(&flush_done, asked);
	eventfd_write(done_fd, 1);
}

static void sleep_until_woken(void)
{
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};

	poll(&wake, 1, -1);
	take_wake();
}

/* Nothing is left when the ring is found empty. What somebody wants to know of that is read before
 * the look: who asks after it may have said a line in between. And it sleeps right after a look
 * alone: writing a line takes the wakes that come meanwhile.
 */
static void writer_main(void *arg)
{
	static struct log_line line; /* the one writer's */
	uint64_t told = 0, lost;

	(void)arg;
	while (!atomic_load(&is_given_up)) {
		bool is_last = atomic_load(&is_stopping);
		unsigned asked = atomic_load(&flush_asked);

		if (log_ring_take(&ring, &line, &lost)) {
			tell_lost(&told, lost);
			put_out(&line, true);
			continue;
		}
		if (tell_lost(&told, counter_read(&ring.lost)))
			continue;
		if (is_last)
			break;
		answer_flush(asked);
		sleep_until_woken();
	}
	eventfd_write(done_fd, 1);
}

/* True when the writer has said so within the time. */
static bool wait_until_done(int limit_ms)
{
	struct pollfd done = {.fd = done_fd, .events = POLLIN};
	eventfd_t count;

	return poll(&done, 1, limit_ms) > 0 && eventfd_read(done_fd, &count) == 0;
}

static void close_descriptors(void)
{
	if (wake_fd >= 0)
		close(wake_fd);
	if (done_fd >= 0)
		close(done_fd);
	wake_fd = done_fd = -1;
}

int log_start(void)
{
	int err = 0;

	log_ring_init(&ring);
	atomic_store(&flush_asked, 0);
	atomic_store(&flush_done, 0);
	atomic_store(&is_stopping, false);
	atomic_store(&is_given_up, false);
	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake_fd < 0 || done_fd < 0)
		err = -errno;
	else
		err = thread_start(&writer, "vt-log", THREAD_HELPER, -1, writer_main, NULL);
	if (err) {
		close_descriptors();
		return err;
	}
	atomic_store_explicit(&mode, MODE_QUEUED, memory_order_release);
	return 0;
}

bool log_flush(void)
{
	if (atomic_load(&mode) != MODE_QUEUED)
		return true;
	unsigned number = atomic_fetch_add(&flush_asked, 1) + 1;
	wake_writer();
	do { /* once more after the answer to an earlier flush, which came too late */
		if (!wait_until_done(DRAIN_MS))
			return false;
	} while (atomic_load(&flush_done) != number);
	return true;
}

void log_stop(void)
{
	if (atomic_load(&mode) != MODE_QUEUED)
		return;
	bool is_done = log_flush();

	atomic_store(&is_stopping, true);
	atomic_store(&is_given_up, !is_done);
	wake_writer();
	atomic_store(&mode, MODE_CLOSED);
	if (!wait_until_done(LEAVE_MS))
		return; /* and its descriptors stay its own */
	thread_join(&writer);
	close_descriptors();
	if (is_done)
		atomic_store(&mode, MODE_DIRECT);
}

uint64_t log_lost(void)
{
	return counter_read(&ring.lost) + counter_read(&failed);
}

/* ---- saying ---- */

/* Leaves errno alone: callers log on their way out with an error. */
void log_write(enum log_level level, const char *fmt, ...)
{
	struct log_line line;
	int saved_errno = errno;
	va_list args;

	if (!log_enabled(level))
		return;
	line.time = clock_wall();
	line.level = level;
	va_start(args, fmt);
	vsnprintf(line.message, sizeof line.message, fmt, args);
	va_end(args);
	log_line_clean(&line);

	switch (atomic_load_explicit(&mode, memory_order_acquire)) {
	case MODE_DIRECT:
		put_out(&line, false);
		break;
	case MODE_QUEUED:
		if (log_ring_put(&ring, &line))
			wake_writer();
		break;
	case MODE_CLOSED:
		counter_add_shared(&failed, 1);
	}
	errno = saved_errno;
}

/* ---- budgets ---- */

/* Gives back what the time since the last refill is worth. A full budget does not save up. */
static void refill(struct log_limit *limit, uint64_t now_ns)
{
	uint64_t lines = (now_ns - limit->refilled_ns) / limit->interval_ns;

	if (lines >= limit->used) {
		limit->used = 0;
		limit->refilled_ns = now_ns;
		return;
	}
	limit->used -= (unsigned)lines;
	limit->refilled_ns += lines * limit->interval_ns;
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t *ret_suppressed)
{
	assert(limit->interval_ns > 0 && limit->burst > 0);
	refill(limit, now_ns);
	if (limit->used >= limit->burst) {
		limit->suppressed++;
		return false;
	}
	limit->used++;
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
