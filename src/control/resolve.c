/* SPDX-License-Identifier: MIT */
#include "control/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <urcu/list.h>

#include "base/thread.h"
#include "vtrunkd/limits.h"

/* Question and answer in one allocation, so that answering cannot fail. */
struct job {
	struct cds_list_head entry;
	struct cds_list_head same; /* jobs that ask for the same host and get the same answer */
	struct resolve_answer answer;
	uint16_t port;
	char host[RESOLVE_HOST_LEN];
};

/* Control and the helpers share it.
 *
 *   [I] set before the helpers start
 *   [C] control only
 *   [L] under the lock
 *
 * Who frees: control when all helpers have ended, else the last one to end, abandoned.
 */
struct resolver {
	int event_fd;                              /* [I] readable while answers is not empty */
	struct thread thread[RESOLVE_HELPERS_MAX]; /* [C] */
	unsigned threads;                          /* [C] started so far, as they are needed */
	unsigned pending;                          /* [C] requests whose answer was not taken */

	pthread_mutex_t lock;
	pthread_cond_t changed;         /* [L] new question, stopping, or one ended */
	struct cds_list_head questions; /* [L] */
	struct cds_list_head under_way; /* [L] being looked up, each by a helper */
	struct cds_list_head answers;   /* [L] */
	unsigned idle;     /* [L] helpers that sleep, or are about to wake for a question */
	unsigned running;  /* [L] helpers that have not ended: the others touch nothing any more */
	bool is_stopping;  /* [L] set by control: the helpers are to end */
	bool is_abandoned; /* [L] set by control: it touches nothing any more */
};

/* Takes the oldest out of @list; NULL when there is none. */
static struct job *take_first(struct cds_list_head *list)
{
	if (cds_list_empty(list))
		return NULL;
	struct job *job = cds_list_first_entry(list, struct job, entry);
	cds_list_del(&job->entry);
	return job;
}

static void free_jobs(struct cds_list_head *list)
{
	struct job *job;

	while ((job = take_first(list))) {
		free_jobs(&job->same);
		free(job);
	}
}

static void resolver_free(struct resolver *resolver)
{
	free_jobs(&resolver->questions);
	free_jobs(&resolver->answers);
	pthread_cond_destroy(&resolver->changed);
	pthread_mutex_destroy(&resolver->lock);
	close(resolver->event_fd);
	free(resolver);
}

static int errno_of_gai(int code)
{
	switch (code) {
	case EAI_NONAME:
	case EAI_NODATA:
		return -ENOENT;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return errno ? -errno : -EIO;
	default:
		return -EIO;
	}
}

static void fail(struct resolve_answer *answer, int error, const char *text)
{
	answer->error = error;
	answer->text = text;
}

static void add_endpoint(struct resolve_answer *answer, const struct addrinfo *info, uint16_t port)
{
	struct endpoint ep = {0};

	if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
		return;
	if (answer->count == RESOLVE_ENDPOINTS_MAX)
		return;
	memcpy(&ep, info->ai_addr, info->ai_addrlen);
	endpoint_set_port(&ep, port);
	for (unsigned i = 0; i < answer->count; i++)
		if (endpoint_equal(&answer->endpoints[i], &ep))
			return; /* a hosts file may name an address twice */
	answer->endpoints[answer->count++] = ep;
}

/* Asks the system and fills in the answer. @flags AI_NUMERICHOST never blocks. No AI_ADDRCONFIG: it
 * hides IPv6 while no link is up, and the answer has to serve links that come up later.
 */
static int look_up(struct job *job, int flags)
{
	struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *list;
	int code = getaddrinfo(job->host, NULL, &hints, &list);

	if (code) {
		int err = errno_of_gai(code);

		fail(&job->answer, err, code == EAI_SYSTEM ? strerror(-err) : gai_strerror(code));
		return err;
	}
	for (struct addrinfo *info = list; info; info = info->ai_next)
		add_endpoint(&job->answer, info, job->port);
	freeaddrinfo(list);
	if (!job->answer.count)
		fail(&job->answer, -ENOENT, "no IPv4 or IPv6 address");
	return job->answer.error;
}

/* With the lock held. The write cannot fail: the counter is at most 1. */
static void post_answer(struct resolver *resolver, struct job *job)
{
	if (cds_list_empty(&resolver->answers))
		eventfd_write(resolver->event_fd, 1);
	cds_list_add_tail(&job->entry, &resolver->answers);
}

/* With the lock held; gives it back while it sleeps. NULL: stop. */
static struct job *next_question(struct resolver *resolver)
{
	while (!resolver->is_stopping && cds_list_empty(&resolver->questions)) {
		resolver->idle++;
		pthread_cond_wait(&resolver->changed, &resolver->lock);
		resolver->idle--;
	}
	return resolver->is_stopping ? NULL : take_first(&resolver->questions);
}

/* With the lock held: @job is answered, and with it whoever asked the same meanwhile. */
static void post_all(struct resolver *resolver, struct job *job)
{
	struct job *same;

	cds_list_del(&job->entry);
	post_answer(resolver, job);
	while ((same = take_first(&job->same))) {
		uint64_t id = same->answer.id;

		same->answer = job->answer;
		same->answer.id = id;
		for (unsigned i = 0; i < same->answer.count; i++)
			endpoint_set_port(&same->answer.endpoints[i], same->port);
		post_answer(resolver, same);
	}
}

static void helper_main(void *arg)
{
	struct resolver *resolver = arg;
	struct job *job;

	pthread_mutex_lock(&resolver->lock);
	while ((job = next_question(resolver))) {
		cds_list_add_tail(&job->entry, &resolver->under_way);
		pthread_mutex_unlock(&resolver->lock);
		look_up(job, 0);
		pthread_mutex_lock(&resolver->lock);
		post_all(resolver, job);
	}
	bool is_last = --resolver->running == 0 && resolver->is_abandoned;
	pthread_cond_broadcast(&resolver->changed);
	pthread_mutex_unlock(&resolver->lock);
	if (is_last)
		resolver_free(resolver);
}

static int locks_init(struct resolver *resolver)
{
	pthread_condattr_t attr;
	int err = pthread_condattr_init(&attr);

	if (err)
		return -err;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* for RESOLVE_STOP_MS */
	err = pthread_cond_init(&resolver->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (err)
		return -err;
	err = pthread_mutex_init(&resolver->lock, NULL);
	if (err)
		pthread_cond_destroy(&resolver->changed);
	return -err;
}

int resolve_create(struct resolver **ret)
{
	struct resolver *resolver = calloc(1, sizeof *resolver);
	int err;

	thread_assert_role(THREAD_CONTROL);
	if (!resolver)
		return -ENOMEM;
	CDS_INIT_LIST_HEAD(&resolver->questions);
	CDS_INIT_LIST_HEAD(&resolver->under_way);
	CDS_INIT_LIST_HEAD(&resolver->answers);
	resolver->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (resolver->event_fd < 0) {
		err = -errno;
		goto err_free;
	}
	err = locks_init(resolver);
	if (err)
		goto err_close;
	*ret = resolver;
	return 0;

err_close:
	close(resolver->event_fd);
err_free:
	free(resolver);
	return err;
}

static struct timespec monotonic_in_ms(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms * NS_PER_MS;
	t.tv_sec += t.tv_nsec / NS_PER_S;
	t.tv_nsec %= NS_PER_S;
	return t;
}

void resolve_destroy(struct resolver *resolver)
{
	if (!resolver)
		return;
	thread_assert_role(THREAD_CONTROL);
	struct timespec until = monotonic_in_ms(RESOLVE_STOP_MS);
	struct thread thread[RESOLVE_HELPERS_MAX]; /* the rest may soon be a helper's */
	unsigned threads = resolver->threads;
	int err = 0;

	memcpy(thread, resolver->thread, sizeof thread);
	pthread_mutex_lock(&resolver->lock);
	resolver->is_stopping = true;
	pthread_cond_broadcast(&resolver->changed);
	while (resolver->running && !err)
		err = pthread_cond_timedwait(&resolver->changed, &resolver->lock, &until);
	bool have_ended = !resolver->running;
	resolver->is_abandoned = !have_ended;
	pthread_mutex_unlock(&resolver->lock);

	for (unsigned i = 0; i < threads; i++) {
		if (have_ended)
			thread_join(&thread[i]);
		else
			pthread_detach(thread[i].handle);
	}
	if (have_ended)
		resolver_free(resolver);
}

static unsigned count(const struct cds_list_head *list)
{
	const struct cds_list_head *at;
	unsigned n = 0;

	cds_list_for_each(at, list) n++;
	return n;
}

/* With the lock held: joins the job that asks for the same host already, if any. */
static bool join(struct cds_list_head *list, struct job *job)
{
	struct job *other;

	cds_list_for_each_entry (other, list, entry) {
		if (!strcmp(other->host, job->host)) {
			cds_list_add_tail(&job->entry, &other->same);
			return true;
		}
	}
	return false;
}

/* Counts the new helper among the running before it is. */
static int start_helper(struct resolver *resolver)
{
	int err = thread_start(&resolver->thread[resolver->threads], "vt-resolve", THREAD_HELPER,
	                       -1, helper_main, resolver);

	if (!err) {
		resolver->threads++;
		return 0;
	}
	pthread_mutex_lock(&resolver->lock);
	resolver->running--;
	pthread_mutex_unlock(&resolver->lock);
	return err;
}

/* A helper of its own for each name that is being looked up, as far as there are: so a name whose
 * servers are silent holds up nobody else. Returns 0, or a negative errno when there is none at
 * all.
 */
static int enqueue_question(struct resolver *resolver, struct job *job)
{
	bool needs_helper = false;
	int err = 0;

	pthread_mutex_lock(&resolver->lock);
	if (!join(&resolver->under_way, job) && !join(&resolver->questions, job)) {
		cds_list_add_tail(&job->entry, &resolver->questions);
		needs_helper = count(&resolver->questions) > resolver->idle &&
		               resolver->threads < RESOLVE_HELPERS_MAX;
		if (needs_helper)
			resolver->running++;
		pthread_cond_signal(&resolver->changed);
	}
	pthread_mutex_unlock(&resolver->lock);
	if (needs_helper)
		err = start_helper(resolver);
	if (!err || resolver->threads)
		return 0;
	cds_list_del(&job->entry); /* without helpers nobody else looks */
	return err;
}

static void enqueue_answer(struct resolver *resolver, struct job *job)
{
	pthread_mutex_lock(&resolver->lock);
	post_answer(resolver, job);
	pthread_mutex_unlock(&resolver->lock);
}

int resolve_request(struct resolver *resolver, uint64_t id, const char *host, uint16_t port)
{
	thread_assert_role(THREAD_CONTROL);
	if (strlen(host) >= RESOLVE_HOST_LEN)
		return -ENAMETOOLONG;
	if (resolver->pending == RESOLVE_PENDING_MAX)
		return -EAGAIN;
	struct job *job = calloc(1, sizeof *job);
	if (!job)
		return -ENOMEM;
	CDS_INIT_LIST_HEAD(&job->same);
	job->answer.id = id;
	job->port = port;
	strcpy(job->host, host);
	resolver->pending++;

	if (!look_up(job, AI_NUMERICHOST)) {
		enqueue_answer(resolver, job);
		return 0;
	}
	job->answer = (struct resolve_answer){.id = id};
	int err = enqueue_question(resolver, job);
	if (err) {
		resolver->pending--;
		free(job);
	}
	return err;
}

int resolve_fd(const struct resolver *resolver)
{
	return resolver->event_fd;
}

bool resolve_take(struct resolver *resolver, struct resolve_answer *ret)
{
	eventfd_t ignored;

	thread_assert_role(THREAD_CONTROL);
	pthread_mutex_lock(&resolver->lock);
	struct job *job = take_first(&resolver->answers);
	if (job && cds_list_empty(&resolver->answers))
		eventfd_read(resolver->event_fd, &ignored);
	pthread_mutex_unlock(&resolver->lock);
	if (!job)
		return false;
	*ret = job->answer;
	free(job);
	resolver->pending--;
	return true;
}
