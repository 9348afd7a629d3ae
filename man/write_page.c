/* SPDX-License-Identifier: MIT */
/* write_page.c - run while building: the source of vtrunkd.yaml.5, with the table of keys in it,
 * from standard input to standard output.
 */
#include <stdio.h>
#include <string.h>

#include "config/page.h"

int main(void)
{
	int err = config_page_write(stdin, stdout);

	if (err)
		fprintf(stderr, "write_page: %s\n", strerror(-err));
	return err != 0;
}
