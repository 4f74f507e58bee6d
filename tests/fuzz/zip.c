/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP archives of components: whatever is in one, nothing beside the directory is touched. */
#include "lifecycle/unzip/zipfile.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Beside "inside" there is nothing, before and after. */
static void check_outside(int dir)
{
	autodir DIR *list = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int count = 0;

	assert(list);
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list))
		count += entry->d_name[0] != '.';
	assert(count == 1);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char name[] = "/tmp/fuzz-zip-XXXXXX";
	autoclose int archive = memfd_create("archive", MFD_CLOEXEC);
	struct error err;

	assert(archive >= 0 && write(archive, data, size) == (ssize_t)size && mkdtemp(name));

	autoclose int outer = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert(outer >= 0 && mkdirat(outer, "inside", 0700) == 0);

	autoclose int inside = openat(outer, "inside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!zipfile_extract(archive, inside, &err))
		assert(err.text[0] != '\0' && !strchr(err.text, '\n'));
	check_outside(outer);
	assert(path_remove_tree(AT_FDCWD, name, &err));
	return 0;
}
