/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint as a pull leaves it, damaged by any bytes at any place and signed anew: it is
 * refused, or what is read keeps its promises and can be restored from. The input: two bytes that
 * say where, two that say how much of the file there is (0: all), then what is written over it.
 */
#include "image/checkpoint.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc32.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/layout.h"

#define FILE_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* diff/ with two directories, one of which is remembered. */
static void note_dirs(int dir, struct dirs *dirs)
{
	struct stat info;
	struct error err;
	struct dir *noted;

	if (mkdirat(dir, "diff", 0700) < 0 || mkdirat(dir, "diff/known", 0700) < 0 ||
	    mkdirat(dir, "diff/other", 0700) < 0 || fstatat(dir, "diff/known", &info, 0) < 0 ||
	    !dirs_put(dirs, info.st_ino, "known", true, &noted, &err))
		abort();
	noted->has_mtime = true;
}

static const struct checkpoint_file begun = { .done = 100, .header_length = 512 };

/* Has one written as a pull does. */
static void write_checkpoint(int dir, const struct digest *blob, struct checkpoint_shared *shared,
			     const struct dirs *dirs)
{
	int file = openat(dir, LAYOUT_SPLIT, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int told = memfd_create("told", MFD_CLOEXEC);
	struct checkpointing state = { .dir = dir, .flush = told, .shared = shared, .blob = blob };
	const struct checkpoint_place place = {
		.tar = 1024, .entries = 2, .bytes = 3, .file = &begun
	};
	struct split *split = NULL;
	struct error err;

	shared->marks.marks[0] = (struct pump_mark){ .in = 100, .out = 512 };
	if (file < 0 || told < 0 || !split_new(file, &split, &err) ||
	    !checkpoint_take(&state, &place, split, dirs, &err))
		abort();
	split_free(split);
	close(told);
	close(file);
	checkpoint_settle(dir, shared);
}

/* True if it is what it was. */
static bool damage(int dir, const unsigned char *data, size_t size)
{
	autobuf struct buf text;
	struct error err;

	buf_init(&text, FILE_MAX);
	if (!file_read(dir, LAYOUT_RESUME, &text, &err))
		abort();

	size_t whole = text.length - sizeof(uint32_t);
	size_t at = ((size_t)data[0] << 8 | data[1]) % whole;
	size_t length = ((size_t)data[2] << 8 | data[3]) % whole;
	size_t count = size - 4;

	length = length ? length : whole;
	if (count > whole - at)
		count = whole - at;
	bool is_whole = length == whole && memcmp(text.data + at, data + 4, count) == 0;

	memcpy(text.data + at, data + 4, count);

	uint32_t sum = crc32_add(0, text.data, length);

	memcpy(text.data + length, &sum, sizeof(sum));
	if (!file_replace(dir, LAYOUT_RESUME, text.data, length + sizeof(sum), 0600, FILE_VOLATILE,
			  &err))
		abort();
	return is_whole;
}

static void read_back(int dir, const struct digest *blob, bool is_whole)
{
	autofree struct checkpoint *checkpoint = mem_alloc(sizeof(*checkpoint));
	autoclose int diff = openat(dir, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirs dirs = { 0 };
	struct error err = { .text = "" };

	bool is_read = checkpoint_read(dir, blob, checkpoint, &dirs);

	assert(is_read || !is_whole);
	if (is_read) {
		assert(checkpoint->mark.out <= checkpoint->tar);
		assert(checkpoint_base(checkpoint) >= 0);
		assert(checkpoint->mark.decoder_size <= PUMP_DECODER);
		assert(digest_is_equal(&checkpoint->blob, blob));
		assert(checkpoint_restore(diff, &dirs, &err));
	}
	dirs_done(&dirs);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char path[] = "/tmp/fuzz-checkpoint-XXXXXX";
	autofree struct checkpoint_shared *shared = mem_alloc(sizeof(*shared));
	struct dirs dirs = { 0 };
	struct digest blob = { 0 };
	struct error err;

	if (size < 4 || size > FILE_MAX)
		return 0;
	if (!mkdtemp(path) ||
	    !digest_parse(&blob,
			  "sha256:"
			  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			  &err))
		abort();

	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	note_dirs(dir, &dirs);
	write_checkpoint(dir, &blob, shared, &dirs);
	assert(checkpoint_is_there(dir));
	read_back(dir, &blob, damage(dir, data, size));
	dirs_done(&dirs);
	if (!path_remove_tree(AT_FDCWD, path, &err))
		abort();
	return 0;
}
