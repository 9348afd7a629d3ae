/* SPDX-License-Identifier: MIT */
#include "bench/testbed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/process.h"

#define LOG_SHOWN_BYTES 2000u

const char *testbed_side_name(enum side side)
{
	return side == CLIENT ? "client" : "server";
}

const char *testbed_address(enum side side, unsigned i, char buf[static TESTBED_ADDRESS_LEN])
{
	snprintf(buf, TESTBED_ADDRESS_LEN, "10.77.%u.%d", i, side == CLIENT ? 1 : 2);
	return buf;
}

static int lay_link(struct testbed *bed, unsigned i)
{
	char lines[256], address[TESTBED_ADDRESS_LEN];

	snprintf(lines, sizeof lines, "link add link%u type veth peer name link%u netns %s\n", i, i,
	         bed->host[SERVER].name);
	int err = netns_ip(&bed->host[CLIENT], lines, bed->log);
	for (enum side side = CLIENT; !err && side < SIDES; side++) {
		snprintf(lines, sizeof lines, "addr add %s/24 dev link%u\nlink set link%u up\n",
		         testbed_address(side, i, address), i, i);
		err = netns_ip(&bed->host[side], lines, bed->log);
	}
	return err;
}

int testbed_create(struct testbed *bed, unsigned links)
{
	*bed = (struct testbed){.log = process_text_fd("")};
	int err = bed->log < 0 ? bed->log : 0;
	for (enum side side = CLIENT; !err && side < SIDES; side++)
		err = netns_create(&bed->host[side], testbed_side_name(side), bed->log);
	for (unsigned i = 1; !err && i <= links; i++)
		err = lay_link(bed, i);
	return err;
}

void testbed_destroy(struct testbed *bed)
{
	for (enum side side = CLIENT; side < SIDES; side++)
		netns_destroy(&bed->host[side]);
	if (bed->log > 0)
		close(bed->log);
	*bed = (struct testbed){0};
}

void testbed_clear_log(struct testbed *bed)
{
	if (!ftruncate(bed->log, 0))
		lseek(bed->log, 0, SEEK_SET);
}

void testbed_show_log(const struct testbed *bed)
{
	char *text = bed->log > 0 ? process_read_fd(bed->log) : NULL;
	size_t len = text ? strlen(text) : 0;

	if (len)
		fprintf(stderr, "%s", len > LOG_SHOWN_BYTES ? text + len - LOG_SHOWN_BYTES : text);
	free(text);
}
