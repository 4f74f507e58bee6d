/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target once over every file of a corpus directory, without libFuzzer: old crashes
 * stay fixed under any compiler. An input passes by coming back.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define INPUT_SIZE_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static bool replay(int dir, const char *name, struct error *err)
{
	autobuf struct buf buf;

	buf_init(&buf, INPUT_SIZE_MAX);
	if (!file_read(dir, name, &buf, err))
		return false;
	/* A copy of the exact size, so that a sanitizer sees a read past the end. */
	autofree unsigned char *exact = mem_alloc(buf.length ? buf.length : 1);
	memcpy(exact, buf.data, buf.length);
	LLVMFuzzerTestOneInput(exact, buf.length);
	return true;
}

int main(int argc, char **argv)
{
	autodir DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	struct error err;
	int count = 0;

	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return 2;
	}
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		if (entry->d_name[0] == '.')
			continue;
		if (!replay(dirfd(dir), entry->d_name, &err)) {
			printf("not ok %d - %s\n# %s\n", ++count, entry->d_name, err.text);
			continue;
		}
		printf("ok %d - %s\n", ++count, entry->d_name);
		fflush(stdout);
	}
	printf("1..%d\n", count);
	return count > 0 ? 0 : 1;
}
