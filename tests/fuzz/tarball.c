/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an archive of images in a file, as docker save, podman and skopeo write them: what
 * is found in it lies in it. (What unpacks a layer of it has a target of its own, and so have the
 * documents. A compressed archive needs processes, and is passed over.)
 */
#include "image/tarball.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "image/limits.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_member(struct tarball *tarball, const struct tarball_member *member, size_t size)
{
	const struct tarball_member *found = tarball_find(tarball, member->name);

	assert(member->name[0] != '/' && !member->stage && !member->model);
	assert(!strstr(member->name, "//") && strncmp(member->name, "../", 3) != 0);
	assert(member->size >= 0 && member->start >= 0);
	if (member->document)
		assert(member->size <= LIMIT_IMAGE_JSON &&
		       (size_t)(member->start + member->size) <= size);
	/* A link that leads to nothing is nothing. */
	assert(found || member->link);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct error err = { .text = "" };
	struct tarball tarball;
	int fd;

	if (compression_sniff(data, size) != COMPRESSION_NONE)
		return 0;
	fd = memfd_create("archive", MFD_CLOEXEC);
	if (fd < 0 || !file_write(fd, "archive", data, size, &err) || lseek(fd, 0, SEEK_SET) < 0)
		return 0;
	if (tarball_open(NULL, fd, &tarball, &err)) {
		assert(tarball.count <= LIMIT_ARCHIVE_MEMBERS &&
		       tarball.document_bytes <= LIMIT_ARCHIVE_JSON);
		for (size_t i = 0; i < tarball.count; i++)
			check_member(&tarball, &tarball.members[i], size);
		tarball_close(&tarball);
	} else {
		assert(err.text[0] != '\0' && !strchr(err.text, '\n'));
	}
	close(fd);
	return 0;
}
