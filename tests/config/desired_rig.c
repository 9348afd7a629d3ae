/* SPDX-License-Identifier: MIT */
#include "desired_rig.h"

#include "config/diff.h"
#include "config/diff_text.h"

struct desired *desired_of_text(const char *text)
{
	char path[] = "/tmp/test-desired.XXXXXX", *said = NULL;
	int fd = mkstemp(path);
	struct desired *desired = NULL;
	size_t len;
	FILE *messages = open_memstream(&said, &len);

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(long, write(fd, text, strlen(text)), (long)strlen(text)));
	close(fd);
	int err = config_load(path, messages, &desired);
	fclose(messages);
	unlink(path);
	cr_assert(eq(int, err, 0), "%s in\n%s", said, text);
	free(said);
	return desired;
}

struct desired *desired_of(const char *links, const char *peers)
{
	char *text;

	cr_assert(lt(int, 0,
	             asprintf(&text,
	                      "network: {mtu: 1420}\nwireguard:\n  private_key: " OWN_KEY
	                      "\n  links: [%s]\n  peers: [%s]\n",
	                      links, peers)));
	struct desired *desired = desired_of_text(text);
	free(text);
	return desired;
}

char *difference(const struct desired *from, const struct desired *to)
{
	struct change_list list;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cr_assert(eq(int, desired_diff(from, to, &list), 0));
	change_list_write(&list, out);
	fclose(out);
	change_list_fini(&list);
	return text;
}
