/* SPDX-License-Identifier: MIT */
/* config.h - `vtrunkd config`: a commented configuration with fresh keys, to start from. */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

/* With @argv[0] its name. Returns an exit status (exit.h). */
int config_main(int argc, char **argv);

#endif
