/* SPDX-License-Identifier: Apache-2.0 */
/* What a writer keeps of a mark, which a pump that has fallen into wrong hands can write into. */
#include "image/checkpoint.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "image/layout.h"
#include "tests/unit/tap.h"

static struct digest blob;
static int dir = -1;

/* As a pull does: from `shared` into the stage. */
static bool take(struct checkpoint_shared *shared)
{
	autoclose int file =
		openat(dir, LAYOUT_SPLIT, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	autoclose int told = memfd_create("told", MFD_CLOEXEC);
	struct checkpointing state = { .dir = dir, .flush = told, .shared = shared, .blob = &blob };
	const struct checkpoint_place place = { .tar = 1024, .entries = 2, .bytes = 3 };
	struct dirs dirs = { 0 };
	struct split *split = NULL;
	struct error err;
	bool is_taken = split_new(file, &split, &err) &&
			checkpoint_take(&state, &place, split, &dirs, &err);

	split_free(split);
	if (check_ok(is_taken, &err, "take a checkpoint"))
		checkpoint_settle(dir, shared);
	return is_taken;
}

static void test_size(uint32_t said, uint32_t kept)
{
	autofree struct checkpoint_shared *shared = mem_alloc(sizeof(*shared));
	autofree struct checkpoint *checkpoint = mem_alloc(sizeof(*checkpoint));
	struct pump_mark *mark = &shared->marks.marks[0];
	struct dirs dirs = { 0 };

	mark->in = 100;
	mark->out = 512;
	mark->compression = COMPRESSION_ZSTD;
	mark->decoder_size = said;
	memset(mark->decoder, 'd', sizeof(mark->decoder));
	if (!take(shared) || !check(checkpoint_read(dir, &blob, checkpoint, &dirs), "read it"))
		return;
	check_int(checkpoint->mark.decoder_size, kept, "%u bytes of a decoder: so many are kept",
		  said);

	size_t whole = 0;

	while (whole < PUMP_DECODER && checkpoint->mark.decoder[whole] == 'd')
		whole++;
	check_int(whole, kept, "and no others");
	dirs_done(&dirs);
}

int main(void)
{
	hash_digest("blob", 4, &blob);
	mkdirat(AT_FDCWD, tap_dir(), 0700);
	dir = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(dir, "diff", 0700);
	test_size(0, 0);
	test_size(100, 100);
	test_size(PUMP_DECODER, PUMP_DECODER);
	test_size(PUMP_DECODER + 1, PUMP_DECODER);
	test_size(UINT32_MAX, PUMP_DECODER);
	return tap_done();
}
