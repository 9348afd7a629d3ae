/* SPDX-License-Identifier: MIT */
/* sim - lives many lives and says which of them broke a rule; README.md says how to use it. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/rcu.h"
#include "life.h"

/* The end of a life waits for grace periods, some 10 ms each: so others are lived meanwhile. */
#define JOBS_PER_PROCESSOR 4u

#define JOBS_MAX  64u
#define SEEDS_MAX 4096u /* that are listed */

/* What a process that lives lives tells the one that waits for it. */
struct job {
	uint64_t at; /* which of the seeds it lives */
	uint64_t failures;
	uint64_t lives, lived_ns, events, made, settled_ns;
};

static struct {
	uint64_t seed[SEEDS_MAX]; /* kept ones first ... */
	uint64_t seed_count;
	uint64_t from, count; /* ... then these */
	unsigned jobs;
	const char *keep;
	bool is_told;
	bool stops; /* at the first that is broken */
} options = {.from = 1, .jobs = 1};

static uint64_t seed_at(uint64_t i)
{
	return i < options.seed_count ? options.seed[i] : options.from + (i - options.seed_count);
}

static uint64_t seeds(void)
{
	return options.seed_count + options.count;
}

/* For the next run, and for whoever looks for the cause: a line with what it told. */
static void keep(uint64_t seed, const char *why)
{
	FILE *file = options.keep ? fopen(options.keep, "a") : NULL;

	if (!file)
		return;
	fprintf(file, "%" PRIu64 " # %s\n", seed, why);
	fclose(file);
}

/* A life takes some ten milliseconds. One that does not come to its end in so much time of the
 * processor goes round in circles: the signal ends it, as a crash.
 */
#define LIFE_S_MAX 30

static void limit_life(void)
{
	struct itimerval limit = {.it_value.tv_sec = LIFE_S_MAX};

	setitimer(ITIMER_VIRTUAL, &limit, NULL);
}

static void live_one(struct job *job, uint64_t seed)
{
	limit_life();
	struct life_result result = life_live(seed, options.is_told ? stderr : NULL);

	job->lives++;
	job->lived_ns += result.lived_ns;
	job->events += result.events;
	job->made += result.made;
	if (result.settled_ns > job->settled_ns)
		job->settled_ns = result.settled_ns;
	if (!result.is_broken)
		return;
	job->failures++;
	printf("%s\n", result.why);
	fflush(stdout);
	keep(seed, result.why);
}

static struct job *all_jobs; /* shared by the processes */

static bool is_over(const struct job *job)
{
	bool is_found = false;

	for (unsigned i = 0; options.stops && i < options.jobs; i++)
		is_found |= all_jobs[i].failures > 0;
	return is_found || job->at >= seeds();
}

/* What was retired in a life is freed before there is much of it. */
#define LIVES_PER_BARRIER 50u

static void work(struct job *job)
{
	rcu_register_thread();
	log_init(options.is_told ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	life_prepare();
	for (; !is_over(job); job->at += options.jobs) {
		live_one(job, seed_at(job->at));
		if (job->lives % LIVES_PER_BARRIER == 0)
			rcu_barrier();
	}
	rcu_barrier();
	rcu_unregister_thread();
}

static pid_t begin_job(struct job *job)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("sim: fork");
		exit(2);
	}
	if (pid == 0) {
		work(job);
		exit(0);
	}
	return pid;
}

/* One that crashed goes on behind the seed that did it. */
static bool end_job(struct job *job, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		exit(2);
	printf("seed %" PRIu64 ": crashed, %s\n", seed_at(job->at),
	       WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "by itself");
	keep(seed_at(job->at), "crashed");
	job->failures++;
	job->lives++;
	job->at += options.jobs;
	return is_over(job);
}

static void run_jobs(struct job *jobs)
{
	pid_t pid[JOBS_MAX];
	unsigned running = options.jobs;

	for (unsigned i = 0; i < options.jobs; i++) {
		jobs[i].at = i;
		pid[i] = begin_job(&jobs[i]);
	}
	while (running) {
		int status;
		pid_t ended = waitpid(-1, &status, 0);

		for (unsigned i = 0; i < options.jobs; i++) {
			if (pid[i] != ended)
				continue;
			if (end_job(&jobs[i], status))
				running--;
			else
				pid[i] = begin_job(&jobs[i]);
		}
	}
}

static struct job sum_up(const struct job *jobs)
{
	struct job sum = {0};

	for (unsigned i = 0; i < options.jobs; i++) {
		sum.lives += jobs[i].lives;
		sum.failures += jobs[i].failures;
		sum.lived_ns += jobs[i].lived_ns;
		sum.events += jobs[i].events;
		sum.made += jobs[i].made;
		if (jobs[i].settled_ns > sum.settled_ns)
			sum.settled_ns = jobs[i].settled_ns;
	}
	return sum;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- options ---- */

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (!*text || *end) {
		fprintf(stderr, "sim: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static void add_seed(uint64_t seed)
{
	if (options.seed_count < SEEDS_MAX)
		options.seed[options.seed_count++] = seed;
}

/* One seed a line, comments behind '#'. */
static void read_seeds(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256];

	if (!file) {
		fprintf(stderr, "sim: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (fgets(line, sizeof line, file)) {
		line[strcspn(line, "#\n")] = 0;
		if (line[strspn(line, " \t")])
			add_seed(strtoull(line, NULL, 10));
	}
	fclose(file);
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{"seed", 1, NULL, 's'},  {"seeds", 1, NULL, 'f'}, {"from", 1, NULL, 'n'},
		{"count", 1, NULL, 'c'}, {"jobs", 1, NULL, 'j'},  {"keep", 1, NULL, 'k'},
		{"tell", 0, NULL, 't'},  {"stop", 0, NULL, 'x'},  {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 's':
			add_seed(number(optarg));
			break;
		case 'f':
			read_seeds(optarg);
			break;
		case 'n':
			options.from = number(optarg);
			break;
		case 'c':
			options.count = number(optarg);
			break;
		case 'j':
			options.jobs = (unsigned)number(optarg);
			break;
		case 'k':
			options.keep = optarg;
			break;
		case 'x':
			options.stops = true;
			break;
		case 't':
			options.is_told = true;
			break;
		default:
			exit(2);
		}
	}
	if (!options.jobs)
		options.jobs = JOBS_PER_PROCESSOR * (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (options.jobs > JOBS_MAX)
		options.jobs = JOBS_MAX;
}

int main(int argc, char **argv)
{
	struct job *jobs = mmap(NULL, JOBS_MAX * sizeof *jobs, PROT_READ | PROT_WRITE,
	                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double began = seconds(), took;
	struct job sum;

	all_jobs = jobs;
	parse(argc, argv);
	run_jobs(jobs);
	sum = sum_up(jobs);
	took = seconds() - began;
	printf("%" PRIu64 " lives, %" PRIu64 " broken; %.0f s in %.1f s (%.0f times as fast), "
	       "%" PRIu64 " events, %" PRIu64 " %s, worked again within %.1f s\n",
	       sum.lives, sum.failures, (double)sum.lived_ns / NS_PER_S, took,
	       (double)sum.lived_ns / NS_PER_S / took, sum.events, sum.made, life_makes,
	       (double)sum.settled_ns / NS_PER_S);
	return sum.failures ? 1 : 0;
}
