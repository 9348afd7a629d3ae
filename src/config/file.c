/* SPDX-License-Identifier: MIT */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_open_file(int fd, struct config_file *file)
{
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st))
		return -errno;
	file->is_world_readable = S_ISREG(st.st_mode) && st.st_mode & S_IROTH;
	while (file->len <= CONFIG_BYTES_MAX &&
	       (got = read(fd, file->text + file->len, CONFIG_BYTES_MAX + 1 - file->len))) {
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			file->len += (size_t)got;
	}
	return file->len > CONFIG_BYTES_MAX ? -EFBIG : 0;
}

/* @file is to be finished also after failure. */
static int read_file(const char *path, struct config_file *file)
{
	file->text = malloc(CONFIG_BYTES_MAX + 1);
	if (!file->text)
		return -ENOMEM;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int err = read_open_file(fd, file);
	close(fd);
	return err;
}

int config_file_read(const char *path, FILE *messages, struct config_file *file)
{
	int err = read_file(path, file);

	if (err == -EFBIG)
		fprintf(messages, "%s:1:1: document: must be at most %u bytes\n", path,
		        CONFIG_BYTES_MAX);
	else if (err == -ENOENT)
		fprintf(messages,
		        "%s:1:1: document: cannot be read: %s; `vtrunkd config --output %s` writes "
		        "a file to start from, -c FILE names another\n",
		        path, strerror(-err), path);
	else if (err)
		fprintf(messages, "%s:1:1: document: cannot be read: %s%s\n", path, strerror(-err),
		        err == -EACCES ? "; it holds a key, so its owner has to do this" : "");
	return err;
}

void config_file_fini(struct config_file *file)
{
	if (file->text)
		explicit_bzero(file->text, file->len);
	free(file->text);
}
