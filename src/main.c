/* SPDX-License-Identifier: MIT */
/* main.c - options, and the order in which the daemon starts and stops. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/keys_ready.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/usage.h"
#include "config/desired.h"
#include "config/load.h"
#include "config/value.h"
#include "control/control.h"
#include "control/interface.h"
#include "control/launch.h"
#include "control/signals.h"
#include "version.h"
#include "vtrunkd/ctl.h"

/* Exit statuses; 0 when all went well. */
#define EXIT_USAGE CLI_USAGE  /* wrong options, or a configuration that is not accepted */
#define EXIT_START CLI_FAILED /* the system refused something: privileges, device, socket, file */

_Static_assert(EXIT_START == LAUNCH_LOST, "one status for daemons that did not start");

struct options {
	const char *config;
	bool is_foreground, is_debug;
	const char *run_dir; /* NULL: what the configuration says */
	bool wants_help, wants_version;
};

/* False after a message. */
static bool parse_options(int argc, char **argv, struct options *ret)
{
	const struct option_spec known[] = {
		{"config", 'c', .text = &ret->config},
		{"foreground", 'f', .flag = &ret->is_foreground},
		{"debug", 'd', .flag = &ret->is_debug},
		{"version", .flag = &ret->wants_version},
		{"help", 'h', .flag = &ret->wants_help},
		{"run-dir", .text = &ret->run_dir},
		{0},
	};

	*ret = (struct options){.config = CONFIG_FILE_DEFAULT};
	return options_parse_or_hint(known, argc, argv) && options_without_words(argc, argv);
}

/* This thread becomes the control thread. */
static int adopt_thread(const struct desired *config)
{
	int cpu = config->cpus_control.count ? config->cpus_control.cpu[0] : -1;
	int err = thread_adopt("vtrunkd", THREAD_CONTROL, cpu);

	if (err == -EINVAL)
		log_error("dataplane.cpus.control: processor %d is not one we may run on", cpu);
	else if (err)
		log_error("cannot become the control thread: %s", strerror(-err));
	return err;
}

/* From now on nobody looks at standard error, in the background: a pipe that the caller reads to
 * its end must come to it. What was said so far is written before.
 */
static int say_ready(struct launch *launch, const struct control *control)
{
	bool is_background = launch->parent_fd >= 0;

	if (is_background)
		log_flush();
	int err = launch_ready(launch);
	if (err) {
		log_error("cannot go into the background: %s", strerror(-err));
		return err;
	}
	if (is_background)
		log_to_syslog();
	log_info("interface=%s: ready: version %s, %u links, %zu peers", control->interface,
	         VTRUNKD_VERSION, control->uplinks.in_use, control->peers.count);
	return 0;
}

/* The configuration, with what the options say instead. Returns an exit status. */
static int load_config(const struct options *options, struct desired **ret)
{
	struct desired *config;

	if (config_load(options->config, stderr, &config))
		return EXIT_USAGE;
	if (options->run_dir && desired_set_run_dir(config, options->run_dir)) {
		fputs("vtrunkd: no memory\n", stderr);
		desired_free(config);
		return EXIT_START;
	}
	log_init(options->is_debug ? LOG_LEVEL_DEBUG : config->log_level, config->log_format);
	*ret = config;
	return 0;
}

static int run_daemon(const struct options *options, struct launch *launch)
{
	struct tun tun;
	struct control *control;
	struct desired *config;
	int status = keys_ready();

	if (!status)
		status = load_config(options, &config);
	if (status)
		return status;
	status = EXIT_START;
	int signal_fd = signals_open();
	if (signal_fd < 0) {
		log_error("cannot listen to signals: %s", strerror(-signal_fd));
		goto err_free_config;
	}
	unsigned workers = config->workers ? config->workers : engine_auto_workers();
	if (interface_open(config, workers, &tun))
		goto err_close_signals;
	if (adopt_thread(config))
		goto err_close_tun;
	int err = log_start();
	if (err) {
		log_error("cannot start the thread that writes the log: %s", strerror(-err));
		goto err_close_tun;
	}
	err = control_create(config, workers, &tun, signal_fd, &control);
	config = NULL; /* control's, also when it failed */
	if (err)
		goto err_stop_log;
	if (!say_ready(launch, control)) {
		status = control_run(control) ? EXIT_START : 0;
		launch_stopping();
	}
	control_destroy(control);
	log_info("interface=%s: stopped", tun.name);
err_stop_log:
	log_stop();
err_close_tun:
	tun_close(&tun);
err_close_signals:
	close(signal_fd);
err_free_config:
	desired_free(config);
	return status;
}

/* False after a message. */
static bool check_run_dir(const char *run_dir)
{
	const char *fault = run_dir ? config_check_run_dir(run_dir) : NULL;

	if (fault)
		fprintf(stderr,
		        "vtrunkd: --run-dir must be an absolute path of at most %u bytes, or %s; "
		        "this is %s\n",
		        CTL_DIRECTORY_LEN_MAX, CONFIG_RUN_DIR_NONE, fault);
	return !fault;
}

int main(int argc, char **argv)
{
	struct options options;
	struct launch launch;

	int err = launch_init(&launch);
	if (err)
		return EXIT_START; /* and no way to say why */
	if (argc > 1 && argv[1][0] != '-')
		return cli_main(argc - 1, argv + 1);
	if (!parse_options(argc, argv, &options))
		return EXIT_USAGE;
	if (options.wants_help)
		return usage_print();
	if (options.wants_version)
		return output_print("vtrunkd " VTRUNKD_VERSION "\n");

	if (!check_run_dir(options.run_dir))
		return EXIT_USAGE;
	if (!options.is_foreground)
		err = launch_detach(&launch);
	if (err) {
		fprintf(stderr, "vtrunkd: cannot go into the background: %s\n", strerror(-err));
		return EXIT_START;
	}
	int status = run_daemon(&options, &launch);
	launch_ended(&launch, status);
	return status;
}
