/* SPDX-License-Identifier: MIT */
#include "cli/usage.h"

#include "cli/output.h"
#include "config/load.h"
#include "vtrunkd/ctl.h"

const char usage_hint[] = "vtrunkd: --help tells what there is\n";

static const char usage[] =
	"Usage: vtrunkd [-c FILE] [-f] [-d] [--run-dir DIR]\n"
	"                                               run the daemon\n"
	"       vtrunkd check [-c FILE]                 say what is wrong with a configuration\n"
	"       vtrunkd check --diff OLD NEW            say what is different in another one\n"
	"       vtrunkd config --output FILE [--force] [--client|--gateway]\n"
	"                      [--peer-key KEY] [--endpoint HOST:PORT]\n"
	"                                               write a commented one with fresh keys: of "
	"a\n"
	"                                               pair of ends, or of the one end named\n"
	"       vtrunkd status [-i INTERFACE] [--run-dir DIR] [--json]\n"
	"                                               ask a running daemon\n"
	"       vtrunkd explain [NAME] [-i INTERFACE] [--run-dir DIR] [--json]\n"
	"                                               why each path of a peer carries what it "
	"does\n"
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
	"Exit status: 0 success, 1 wrong usage or configuration, 2 the system refused something,\n"
	"3 configurations differ.\n"
	"Without --foreground it is 0 as soon as the interface is ready.\n";

int usage_print(void)
{
	return output_print(usage);
}
