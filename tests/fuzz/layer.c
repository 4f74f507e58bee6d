/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a layer's archive: whatever they say, nothing appears beside the layer's directory,
 * and what is beside it stays as it is. Should that fail, a root directory of its own (a tmpfs)
 * keeps the damage off this machine. Needs root; does nothing without.
 */
#include "image/layer.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/split.h"

#define INPUT_MAX (512 << 10) /* fits into a pipe */

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

struct input {
	const unsigned char *data;
	size_t size;
	int world; /* the tmpfs */
};

/* A tmpfs that only this process sees; -1 without root. */
static int make_world(void)
{
	char path[] = "/tmp/fuzz-layer-XXXXXX";
	int world;

	if (!mkdtemp(path))
		return -1;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", path, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "size=256m") < 0) {
		rmdir(path);
		return -1;
	}
	world = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	umount2(path, MNT_DETACH); /* the descriptor keeps it */
	rmdir(path);
	return world;
}

static int pipe_with(const struct input *input)
{
	int ends[2];
	struct error err;

	if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[1], F_SETPIPE_SZ, 2 * INPUT_MAX) < 0 ||
	    !file_write(ends[1], "input", input->data, input->size, &err))
		abort();
	close(ends[1]);
	return ends[0];
}

static bool swallow(void *context, const void *bytes, size_t count, struct error *err)
{
	(void)context;
	(void)bytes;
	(void)count;
	(void)err;
	return true;
}

static void extract(const struct input *input, int diff)
{
	struct layer_files files = { .from = pipe_with(input),
				     .diff = diff,
				     .notes = memfd_create("notes", MFD_CLOEXEC),
				     .split = memfd_create("split", MFD_CLOEXEC),
				     .room = INT64_MAX,
				     .flush = -1,
				     .checkpointing = { .dir = -1 } };
	struct dirs dirs = { 0 };
	const struct split_sink sink = { .put = swallow };
	struct error err = { .text = "" };
	int64_t entries = 0, bytes = 0;

	if (layer_extract(&files, &dirs, &entries, &bytes, &err)) {
		lseek(files.split, 0, SEEK_SET);
		(void)!split_join(files.split, diff, &sink, &err);
	} else {
		assert(err.text[0] != '\0');
	}
	close(files.from);
	close(files.notes);
	close(files.split);
}

/* The world holds "diff" and "sentinel", and the sentinel is what it was. */
static void check_world(int world)
{
	autobuf struct buf text;
	struct error err;
	autodir DIR *dir = fdopendir(openat(world, ".", O_RDONLY | O_CLOEXEC));
	int count = 0;

	buf_init(&text, 100);
	assert(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		count += path_is_component(entry->d_name);
	assert(count == 2);
	assert(file_read(world, "sentinel", &text, &err) && strcmp(text.data, "sentinel") == 0);
}

static void *run(void *context)
{
	const struct input *input = context;
	struct error err;

	/* A thread can have a root of its own; the fuzzer's thread keeps the machine's. */
	if (unshare(CLONE_FS) < 0 || fchdir(input->world) < 0 || chroot(".") < 0)
		abort();
	if (!file_replace(input->world, "sentinel", "sentinel", 8, 0600, FILE_VOLATILE, &err) ||
	    mkdirat(input->world, "diff", 0755) < 0)
		abort();

	int diff = openat(input->world, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	extract(input, diff);
	close(diff);
	check_world(input->world);
	if (!path_remove_tree(input->world, "diff", &err))
		abort();
	return NULL;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static int world = -2; /* made with the first input */
	struct input input = { .data = data, .size = size };
	pthread_t thread;

	if (world == -2)
		world = make_world();
	if (world < 0 || size > INPUT_MAX)
		return 0;
	input.world = world;
	if (pthread_create(&thread, NULL, run, &input) != 0)
		abort();
	pthread_join(thread, NULL);
	return 0;
}
