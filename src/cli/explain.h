/* SPDX-License-Identifier: MIT */
/* explain.h - `vtrunkd explain`: why each path of a peer got what it got in the last second. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

/* Returns an exit status. */
int explain_main(int argc, char **argv);

#endif
