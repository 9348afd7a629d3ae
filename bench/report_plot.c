/* SPDX-License-Identifier: MIT */
/* report_plot.c - a plot by gnuplot, which reads script and data from its standard input.
 *
 * That is a file in memory rather than a pipe: a gnuplot that gives up early then harms nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/report_private.h"

#define SERIES_NAME_LEN 256u
/* An axis is logarithmic where the greatest value is so many times the least one: x, and y over
 * names.
 */
#define LOG_FROM_X 16.0
#define LOG_FROM_Y 100.0

/* What is drawn of a report. */
struct plot {
	const struct report *report;
	unsigned x, metric; /* index of the label and of the metric */
	bool has_names;     /* labels on the x axis that are no numbers: they stand side by side */
};

extern char **environ;

static bool is_number(const char *text, double *ret)
{
	char *end;

	*ret = strtod(text, &end);
	return end != text && !*end && isfinite(*ret);
}

static bool needs_names(const struct report *r, unsigned x)
{
	double number;

	for (size_t i = 0; i < r->row_count; i++)
		if (!is_number(r->rows[i].labels[x], &number))
			return true;
	return false;
}

static int find_columns(const struct report *r, const char *x, const char *metric, struct plot *ret)
{
	struct plot plot = {.report = r};

	while (plot.x < r->label_count && strcmp(r->labels[plot.x], x) != 0)
		plot.x++;
	while (plot.metric < r->metric_count && strcmp(r->metrics[plot.metric].name, metric) != 0)
		plot.metric++;
	if (plot.x == r->label_count || plot.metric == r->metric_count) {
		fprintf(stderr, "vtbench: cannot plot \"%s\" over \"%s\": no such column\n", metric,
		        x);
		return -EINVAL;
	}
	plot.has_names = needs_names(r, plot.x);
	*ret = plot;
	return 0;
}

/* The first row whose label x is that of @row: its index is where the name stands. */
static size_t place_of(const struct plot *plot, const struct report_row *row)
{
	size_t i = 0;

	while (strcmp(plot->report->rows[i].labels[plot->x], row->labels[plot->x]) != 0)
		i++;
	return i;
}

/* False when the row has no figure. */
static bool point_of(const struct plot *plot, const struct report_row *row, double *ret_x,
                     double *ret_y)
{
	*ret_y = row->values[plot->metric];
	if (plot->has_names)
		*ret_x = (double)place_of(plot, row);
	else
		is_number(row->labels[plot->x], ret_x);
	return isfinite(*ret_y);
}

static bool has_point(const struct plot *plot, const struct report_row *row)
{
	double x, y;

	return point_of(plot, row, &x, &y);
}

/* Rows whose labels but x are equal lie on one line. */
static bool is_same_series(const struct plot *plot, const struct report_row *a,
                           const struct report_row *b)
{
	for (unsigned i = 0; i < plot->report->label_count; i++)
		if (i != plot->x && strcmp(a->labels[i], b->labels[i]) != 0)
			return false;
	return true;
}

static bool begins_series(const struct plot *plot, const struct report_row *row)
{
	if (!has_point(plot, row))
		return false;
	for (const struct report_row *old = plot->report->rows; old < row; old++)
		if (has_point(plot, old) && is_same_series(plot, old, row))
			return false;
	return true;
}

/* In gnuplot's single quotes nothing is special but the quote, which is doubled. */
static void write_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++)
		fputs(*text == '\'' ? "''" : (char[]){*text == '\n' ? ' ' : *text, '\0'}, out);
	fputc('\'', out);
}

static void series_name(const struct plot *plot, const struct report_row *row,
                        char name[static SERIES_NAME_LEN])
{
	size_t len = 0;

	name[0] = '\0';
	for (unsigned i = 0; i < plot->report->label_count && len < SERIES_NAME_LEN; i++)
		if (i != plot->x)
			len += (size_t)snprintf(name + len, SERIES_NAME_LEN - len, "%s%s",
			                        len ? " " : "", row->labels[i]);
}

/* The data of every line, each as a block "$sN". Returns how many. */
static unsigned write_data(const struct plot *plot, FILE *out)
{
	const struct report *r = plot->report;
	unsigned count = 0;
	double x, y;

	for (size_t i = 0; i < r->row_count; i++) {
		if (!begins_series(plot, &r->rows[i]))
			continue;
		fprintf(out, "$s%u << END\n", count++);
		for (size_t k = i; k < r->row_count; k++)
			if (is_same_series(plot, &r->rows[i], &r->rows[k]) &&
			    point_of(plot, &r->rows[k], &x, &y))
				fprintf(out, "%.17g %.17g\n", x, y);
		fputs("END\n", out);
	}
	return count;
}

static void write_names(const struct plot *plot, FILE *out)
{
	const struct report *r = plot->report;

	fprintf(out, "set xrange [-1:%zu]\nset xtics rotate by -30 noenhanced (", r->row_count);
	for (size_t i = 0; i < r->row_count; i++) {
		if (place_of(plot, &r->rows[i]) != i)
			continue;
		fputs(i ? ", " : "", out);
		write_quoted(out, r->rows[i].labels[plot->x]);
		fprintf(out, " %zu", i);
	}
	fputs(")\n", out);
}

static void write_axes(const struct plot *plot, FILE *out)
{
	const struct report *r = plot->report;
	double least = INFINITY, most = -INFINITY, least_y = INFINITY, most_y = -INFINITY, x, y;

	for (size_t i = 0; i < r->row_count; i++) {
		if (!point_of(plot, &r->rows[i], &x, &y))
			continue;
		least = fmin(least, x);
		most = fmax(most, x);
		least_y = fmin(least_y, y);
		most_y = fmax(most_y, y);
	}
	if (plot->has_names)
		write_names(plot, out);
	else if (least > 0 && most / least >= LOG_FROM_X)
		fputs("set logscale x 2\n", out);
	if (plot->has_names && least_y > 0 && most_y / least_y >= LOG_FROM_Y)
		fputs("set logscale y\n", out);
	else
		fputs("set yrange [0:*]\n", out);
	fputs("set grid\nset key outside right noenhanced\n", out);
	fputs("set title noenhanced ", out);
	write_quoted(out, r->benchmark);
	fputs("\nset xlabel noenhanced ", out);
	write_quoted(out, r->labels[plot->x]);
	fputs("\nset ylabel noenhanced ", out);
	write_quoted(out, r->metrics[plot->metric].title);
	fputc('\n', out);
}

/* Returns the number of lines drawn. */
static unsigned write_script(const struct plot *plot, const char *path, FILE *out)
{
	const struct report *r = plot->report;
	char name[SERIES_NAME_LEN];
	unsigned series = 0;

	fprintf(out, "set terminal %s size 1000,600\nset output ",
	        !strcmp(strrchr(path, '.'), ".svg") ? "svg" : "png");
	write_quoted(out, path);
	fputc('\n', out);
	write_axes(plot, out);
	unsigned count = write_data(plot, out);
	for (size_t i = 0; i < r->row_count; i++) {
		if (!begins_series(plot, &r->rows[i]))
			continue;
		fprintf(out, "%s $s%u with %s title ", series ? "," : "plot", series,
		        plot->has_names ? "points pointtype 7 pointsize 2" : "linespoints");
		series_name(plot, &r->rows[i], name);
		write_quoted(out, name);
		series++;
	}
	fputs("\nset output\n", out);
	return count;
}

static int run_gnuplot(int script_fd)
{
	static char program[] = "gnuplot", script[] = "-";
	char *argv[] = {program, script, NULL};
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	int err = posix_spawn_file_actions_init(&actions);
	if (err)
		return -err;
	err = posix_spawn_file_actions_adddup2(&actions, script_fd, STDIN_FILENO);
	/* Where it draws to when it cannot open its file. */
	if (!err)
		err = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
		                                       O_WRONLY, 0);
	if (!err)
		err = posix_spawnp(&pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int draw(const struct plot *plot, const char *path, FILE *script)
{
	if (write_script(plot, path, script) == 0) {
		fputs("vtbench: nothing to plot\n", stderr);
		return -ENODATA;
	}
	if (fflush(script) || lseek(fileno(script), 0, SEEK_SET) < 0) {
		int err = -errno;
		fprintf(stderr, "vtbench: cannot write the script of the plot: %s\n",
		        strerror(-err));
		return err;
	}
	int err = run_gnuplot(fileno(script));
	if (err == -ENOENT)
		fputs("vtbench: no plot without gnuplot: please install it\n", stderr);
	else if (err)
		fprintf(stderr, "vtbench: gnuplot could not draw %s\n", path);
	return err;
}

int report_plot(const struct report *r, const char *x, const char *metric, const char *path)
{
	struct plot plot;
	int err = find_columns(r, x, metric, &plot);

	if (err)
		return err;
	int fd = memfd_create("vtbench-plot", MFD_CLOEXEC);
	FILE *script = fd < 0 ? NULL : fdopen(fd, "w+");
	if (!script) {
		err = -errno;
		fprintf(stderr, "vtbench: cannot plot: %s\n", strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = draw(&plot, path, script);
	fclose(script);
	return err;
}
