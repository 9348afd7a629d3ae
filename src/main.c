/* SPDX-License-Identifier: MIT */
/* main.c - options, and the order in which the daemon starts and stops. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/key_text.h"
#include "base/log.h"
#include "base/similar.h"
#include "base/thread.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "config/desired.h"
#include "config/load.h"
#include "config/starter.h"
#include "config/value.h"
#include "control/control.h"
#include "control/interface.h"
#include "control/launch.h"
#include "control/signals.h"
#include "crypto/init.h"
#include "crypto/secret.h"
#include "version.h"
#include "vtrunkd/ctl.h"

/* Exit statuses; 0 when all went well. */
#define EXIT_USAGE CLI_USAGE  /* wrong options, or a configuration that is not accepted */
#define EXIT_START CLI_FAILED /* the system refused something: privileges, device, socket, file */

_Static_assert(EXIT_START == LAUNCH_LOST, "one status for daemons that did not start");

static const char usage[] =
	"Usage: vtrunkd [-c FILE] [-f] [-d] [--run-dir DIR]\n"
	"                                               run the daemon\n"
	"       vtrunkd check [-c FILE]                 say what is wrong with a configuration\n"
	"       vtrunkd config --output FILE [--force] [--client|--gateway]\n"
	"                      [--peer-key KEY] [--endpoint HOST:PORT]\n"
	"                                               write a commented one with fresh keys: of "
	"a\n"
	"                                               pair of ends, or of the one end named\n"
	"       vtrunkd status [-i INTERFACE] [--run-dir DIR] [--json]\n"
	"                                               ask a running daemon\n"
	"       vtrunkd show [INTERFACE]                the same, as `wg` calls it\n"
	"       vtrunkd pubkey [-c FILE]                the public key of a configuration, or of "
	"the\n"
	"                                               private key on standard input, as `wg` "
	"does\n"
	"       vtrunkd genkey | genpsk                 make keys as `wg` does\n"
	"       vtrunkd help                            print this text\n"
	"\n"
	"  -c, --config FILE  the configuration; default: " CONFIG_FILE_DEFAULT "\n"
	"  -f, --foreground   stay in the foreground and log to standard error\n"
	"  -d, --debug        log more than the configuration says\n"
	"      --run-dir DIR  the control socket's directory, or none; default: " CTL_DIRECTORY "\n"
	"      --version      print the version and end\n"
	"  -h, --help         print this text and end\n"
	"\n"
	"Exit status: 0 success, 1 wrong usage or configuration, 2 the system refused something.\n"
	"Without --foreground it is 0 as soon as the interface is ready.\n";

enum {
	OPTION_VERSION = 256,
	OPTION_OUTPUT,
	OPTION_FORCE,
	OPTION_CLIENT,
	OPTION_GATEWAY,
	OPTION_PEER_KEY,
	OPTION_ENDPOINT,
	OPTION_RUN_DIR
};

struct options {
	const char *config;
	bool is_foreground, is_debug;
	const char *run_dir; /* NULL: what the configuration says */
	const char *output;  /* of `config`, as what follows */
	bool is_forced;
	struct config_starter starter;
	bool wants_help, wants_version;
};

static const struct option daemon_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"foreground", no_argument, NULL, 'f'},
	{"debug", no_argument, NULL, 'd'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, 'h'},
	{"run-dir", required_argument, NULL, OPTION_RUN_DIR},
	{0},
};
static const struct option check_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, 'h'},
	{0},
};
static const struct option config_options[] = {
	{"output", required_argument, NULL, OPTION_OUTPUT},
	{"force", no_argument, NULL, OPTION_FORCE},
	{"client", no_argument, NULL, OPTION_CLIENT},
	{"gateway", no_argument, NULL, OPTION_GATEWAY},
	{"peer-key", required_argument, NULL, OPTION_PEER_KEY},
	{"endpoint", required_argument, NULL, OPTION_ENDPOINT},
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* False after a message. */
static bool parse_options(int argc, char **argv, const char *letters, const struct option *known,
                          struct options *ret)
{
	static char program[] = "vtrunkd"; /* how getopt's messages begin */
	int option;

	*ret = (struct options){.config = CONFIG_FILE_DEFAULT};
	argv[0] = program;
	while ((option = getopt_long(argc, argv, letters, known, NULL)) != -1) {
		switch (option) {
		case 'c':
			ret->config = optarg;
			break;
		case 'f':
			ret->is_foreground = true;
			break;
		case 'd':
			ret->is_debug = true;
			break;
		case 'h':
			ret->wants_help = true;
			break;
		case OPTION_VERSION:
			ret->wants_version = true;
			break;
		case OPTION_OUTPUT:
			ret->output = optarg;
			break;
		case OPTION_FORCE:
			ret->is_forced = true;
			break;
		case OPTION_CLIENT:
			ret->starter.kind = CONFIG_STARTER_CLIENT;
			break;
		case OPTION_GATEWAY:
			ret->starter.kind = CONFIG_STARTER_GATEWAY;
			break;
		case OPTION_PEER_KEY:
			ret->starter.peer_key = optarg;
			break;
		case OPTION_ENDPOINT:
			ret->starter.endpoint = optarg;
			break;
		case OPTION_RUN_DIR:
			ret->run_dir = optarg;
			break;
		default:
			fputs("vtrunkd: --help tells what there is\n", stderr);
			return false;
		}
	}
	if (optind < argc)
		fprintf(stderr, "vtrunkd: \"%s\" is not expected here%s\n", argv[optind],
		        letters[0] == 'c' ? "; -c FILE names a configuration" : "");
	return optind == argc;
}

static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && !fflush(stdout))
		return 0;
	fprintf(stderr, "vtrunkd: cannot write to standard output: %s\n", strerror(errno));
	return EXIT_START;
}

/* Keys may be touched from here on. */
static int start_crypto(void)
{
	if (crypto_init()) {
		fputs("vtrunkd: the cryptographic library fails its self-test\n", stderr);
		return EXIT_START;
	}
	int err = secret_forbid_dumps();
	if (err) {
		fprintf(stderr, "vtrunkd: cannot forbid core dumps: %s\n", strerror(-err));
		return EXIT_START;
	}
	return 0;
}

/* ---- subcommands ---- */

static int check_main(int argc, char **argv)
{
	struct options options;
	struct desired *config;

	if (!parse_options(argc, argv, "c:h", check_options, &options))
		return EXIT_USAGE;
	if (options.wants_help)
		return print(usage);
	int status = start_crypto();
	if (status)
		return status;
	if (config_load(options.config, stderr, &config))
		return EXIT_USAGE;
	desired_free(config);
	printf("%s: ok", options.config);
	return print("\n");
}

/* Without options it is cli's, which reads a private key as `wg` does. */
static int pubkey_of_config(int argc, char **argv)
{
	struct options options;
	uint8_t key[KEY_LEN];
	char text[KEY_TEXT_LEN];

	if (!parse_options(argc, argv, "c:h", check_options, &options))
		return EXIT_USAGE;
	if (options.wants_help)
		return print(usage);
	int status = start_crypto();
	if (status)
		return status;
	if (config_public_key(options.config, stderr, key))
		return EXIT_USAGE;
	key_to_base64(text, key);
	text[KEY_TEXT_LEN - 1] = '\n'; /* in place of the zero */
	printf("%.*s", (int)KEY_TEXT_LEN, text);
	return print("");
}

/* What is wrong with the options of `config`, or NULL. */
static const char *refuse_starter(const struct options *options)
{
	const struct config_starter *starter = &options->starter;

	if (!options->output)
		return "--output FILE is needed, \"-\" for standard output";
	if (starter->peer_key && starter->kind == CONFIG_STARTER_PAIR)
		return "--peer-key needs --client or --gateway";
	if (starter->endpoint && starter->kind != CONFIG_STARTER_CLIENT)
		return "--endpoint needs --client: a gateway waits to be contacted";
	if (starter->peer_key && config_check_key(starter->peer_key))
		return "--peer-key must be a key, base64 of 32 bytes (44 characters); `vtrunkd "
		       "pubkey -c FILE` at the other end prints it";
	if (starter->endpoint && config_check_endpoint(starter->endpoint))
		return "--endpoint must be HOST:PORT, IP:PORT or [IPv6]:PORT";
	return NULL;
}

/* The file is written; what now? */
static void say_next(FILE *out, const struct options *options, const char *key)
{
	const struct config_starter *starter = &options->starter;
	const char *file = strcmp(options->output, "-") ? options->output : "FILE";

	fprintf(out, "Our public key: %s\n", key);
	if (starter->kind == CONFIG_STARTER_PAIR)
		fprintf(out,
		        "The end of the file holds what the other end needs, its keys included.\n"
		        "For two machines there are --gateway and --client.\n");
	if (starter->kind == CONFIG_STARTER_GATEWAY)
		fprintf(out,
		        "At the client: vtrunkd config --client --peer-key %s "
		        "--endpoint ADDRESS-OF-THIS-MACHINE:51820 --output %s\n",
		        key, file);
	if (starter->kind == CONFIG_STARTER_CLIENT)
		fprintf(out, "At the gateway: make it the public_key of an entry of peers.\n");
	if (starter->kind != CONFIG_STARTER_PAIR)
		fprintf(out,
		        "Here: look %s over; vtrunkd check -c %s tells what is left to fill in.\n",
		        file, file);
}

static int config_main(int argc, char **argv)
{
	struct options options;

	if (!parse_options(argc, argv, "h", config_options, &options))
		return EXIT_USAGE;
	if (options.wants_help)
		return print(usage);
	const char *fault = refuse_starter(&options);
	if (fault) {
		fprintf(stderr, "vtrunkd: config: %s\n", fault);
		return EXIT_USAGE;
	}
	int status = start_crypto();
	if (status)
		return status;
	uint8_t key[KEY_LEN];
	char text[KEY_TEXT_LEN];
	int err = config_write_starter(options.output, options.is_forced, &options.starter, key);
	if (!err) {
		bool is_stdout = !strcmp(options.output, "-");

		key_to_base64(text, key);
		say_next(is_stdout ? stderr : stdout, &options, text);
		return is_stdout ? 0 : print("");
	}
	fprintf(stderr, "vtrunkd: cannot write %s: %s%s\n", options.output, strerror(-err),
	        err == -EEXIST ? "; --force replaces it" : "");
	return err == -EEXIST ? EXIT_USAGE : EXIT_START;
}

/* Says what may have been meant by @name. */
static int refuse_subcommand(const char *name)
{
	static const char *const ours[] = {"check", "config", "help", NULL};
	const char *meant = NULL, *known;
	unsigned best = SIMILAR_NONE;

	if (strchr(name, '/') || strchr(name, '.')) {
		fprintf(stderr, "vtrunkd: no subcommand \"%s\"; -c FILE names a configuration\n",
		        name);
		return EXIT_USAGE;
	}
	for (unsigned i = 0; ours[i]; i++)
		if (similar_is_nearer(name, ours[i], &best))
			meant = ours[i];
	for (unsigned i = 0; (known = cli_subcommand(i)); i++)
		if (similar_is_nearer(name, known, &best))
			meant = known;
	fprintf(stderr, "vtrunkd: no subcommand \"%s\"; %s%s%s--help tells what there is\n", name,
	        meant ? "did you mean \"" : "", meant ? meant : "", meant ? "\"? " : "");
	return EXIT_USAGE;
}

static int subcommand_main(int argc, char **argv)
{
	if (!strcmp(argv[0], "check"))
		return check_main(argc, argv);
	if (!strcmp(argv[0], "config"))
		return config_main(argc, argv);
	if (!strcmp(argv[0], "help"))
		return print(usage);
	if (!strcmp(argv[0], "pubkey") && argc > 1)
		return pubkey_of_config(argc, argv);
	int status = cli_main(argc, argv);
	if (status >= 0)
		return status;
	return refuse_subcommand(argv[0]);
}

/* ---- the daemon ---- */

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
	         VTRUNKD_VERSION, control->uplinks.count, control->peer_count);
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
	int status = start_crypto();

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
		return subcommand_main(argc - 1, argv + 1);
	if (!parse_options(argc, argv, "c:fdh", daemon_options, &options))
		return EXIT_USAGE;
	if (options.wants_help)
		return print(usage);
	if (options.wants_version)
		return print("vtrunkd " VTRUNKD_VERSION "\n");

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
