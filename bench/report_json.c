/* SPDX-License-Identifier: MIT */
/* report_json.c - a report as JSON, with the machine it was made on.
 *
 *   {"program": "vtbench", "version", "benchmark", "time", "kernel", "cpu_model", "cpu_count",
 *    "labels": [name ...],
 *    "metrics": [{"name", "title", "less_is_better", "is_compared"} ...],
 *    "rows": [{"labels": {name: text}, "values": {name: number or null}} ...],
 *    "notes": [text ...]}
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/thread.h"
#include "bench/report_private.h"
#include "version.h"

static json_t *now_as_text(void)
{
	char text[sizeof "2026-01-01T00:00:00Z"];
	time_t now = time(NULL);
	struct tm utc;

	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	return json_string(text);
}

static json_t *kernel_release(void)
{
	struct utsname name;

	return uname(&name) ? json_null() : json_string(name.release);
}

/* Processors of other makers than x86 have no "model name": then null. */
static json_t *cpu_model(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];
	json_t *model = NULL;

	while (file && !model && fgets(line, sizeof line, file)) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", strlen("model name")) != 0 || !value)
			continue;
		value[strcspn(value, "\n")] = '\0';
		model = json_string(value + 1 + strspn(value + 1, " "));
	}
	if (file)
		fclose(file);
	return model ? model : json_null();
}

static json_t *metrics_as_json(const struct report *r)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < r->metric_count; i++) {
		const struct report_metric *m = &r->metrics[i];

		json_array_append_new(all,
		                      json_pack("{s:s, s:s, s:b, s:b}", "name", m->name, "title",
		                                m->title, "less_is_better", m->less_is_better,
		                                "is_compared", !m->is_spread));
	}
	return all;
}

static json_t *labels_as_json(const struct report *r)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < r->label_count; i++)
		json_array_append_new(all, json_string(r->labels[i]));
	return all;
}

static json_t *row_as_json(const struct report *r, const struct report_row *row)
{
	json_t *labels = json_object(), *values = json_object();

	for (unsigned i = 0; i < r->label_count; i++)
		json_object_set_new(labels, r->labels[i], json_string(row->labels[i]));
	for (unsigned i = 0; i < r->metric_count; i++)
		json_object_set_new(values, r->metrics[i].name,
		                    isfinite(row->values[i]) ? json_real(row->values[i])
		                                             : json_null());
	return json_pack("{s:o, s:o}", "labels", labels, "values", values);
}

/* NULL without memory; so is whatever a missing part was to be put into. */
static json_t *report_as_json(const struct report *r)
{
	json_t *rows = json_array(), *notes = json_array();

	for (size_t i = 0; i < r->row_count; i++)
		json_array_append_new(rows, row_as_json(r, &r->rows[i]));
	for (size_t i = 0; i < r->note_count; i++)
		json_array_append_new(notes, json_string(r->notes[i]));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o}", "program",
	                 "vtbench", "version", VTRUNKD_VERSION, "benchmark", r->benchmark, "time",
	                 now_as_text(), "kernel", kernel_release(), "cpu_model", cpu_model(),
	                 "cpu_count", (int)thread_cpu_count(), "labels", labels_as_json(r),
	                 "metrics", metrics_as_json(r), "rows", rows, "notes", notes);
}

static int dump(const json_t *json, FILE *out)
{
	errno = 0;
	if (json_dumpf(json, out, JSON_INDENT(1) | JSON_PRESERVE_ORDER) || fputc('\n', out) < 0 ||
	    fflush(out))
		return errno ? -errno : -EIO;
	return 0;
}

int report_write_json(const struct report *r, const char *path)
{
	json_t *json = report_as_json(r);
	int err = -ENOMEM;

	if (!json)
		return err;
	if (!strcmp(path, "-")) {
		err = dump(json, stdout);
	} else {
		FILE *file = fopen(path, "we");

		err = file ? dump(json, file) : -errno;
		if (file && fclose(file) && !err)
			err = -errno;
	}
	json_decref(json);
	return err;
}
