/* SPDX-License-Identifier: MIT */
#include "config/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/key_text.h"
#include "config/node.h"
#include "config/report.h"
#include "config/secrets.h"

#define KEY_FILE_MAX 4096u /* bytes; a key and a lot of blanks */

/* Reads at most @size bytes. Returns how many, or a negative errno; -EPERM when others may read. */
static ssize_t read_key_file(const char *path, char *buf, size_t size)
{
	struct stat st;
	ssize_t len = 0, got;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		len = -errno;
	else if (!S_ISREG(st.st_mode))
		len = -EINVAL;
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		len = -EPERM;
	while (len >= 0 && (size_t)len < size && (got = read(fd, buf + len, size - (size_t)len))) {
		if (got < 0 && errno != EINTR)
			len = -errno;
		else if (got > 0)
			len += got;
	}
	close(fd);
	return len;
}

/* @len is what reading gave, @err what the text was as a key. */
static void report_key_file(struct config_report *report, struct config_node *node, ssize_t len,
                            int err)
{
	if (len == -EPERM)
		config_error(report, node,
		             "the file must not be accessible by group or others; mode 0600 or "
		             "0400 is allowed");
	else if (len == -EINVAL)
		config_error(report, node, "must name a regular file");
	else if (len < 0)
		config_error(report, node, "the file cannot be read: %s%s", strerror((int)-len),
		             len == -ENOENT ? "; `umask 077; vtrunkd genkey >FILE` makes one" : "");
	else if (err)
		config_error(report, node,
		             "the file must hold a key, base64 of 32 bytes (44 characters); it "
		             "holds %s",
		             len == 0           ? "nothing"
		             : err == -EMSGSIZE ? "base64 of another length"
		                                : "no base64");
}

int config_key_file_load(struct config_node *node, struct config_report *report,
                         struct config_secrets *secrets)
{
	uint8_t *key = config_secrets_add(secrets, &node->number);
	char text[KEY_FILE_MAX + 1];
	int err = -EINVAL;

	if (!key)
		return -ENOMEM;
	ssize_t len = read_key_file(node->text, text, KEY_FILE_MAX);
	if (len >= 0) {
		text[len] = '\0';
		err = strlen(text) == (size_t)len ? key_from_base64(key, text) : -EINVAL;
	}
	explicit_bzero(text, sizeof text);
	report_key_file(report, node, len, err);
	return 0;
}
