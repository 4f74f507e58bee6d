/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a layer's blob, through the decompressors that pulls use: it is refused, or both
 * digests are of what went in and came out. The input: a byte that says how; then
 *
 *     0   the blob
 *     1   the state of a zstd decoder (struct zstdstate), and what follows in the blob
 */
#include "image/pump.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "image/zstdstate.h"

#define OUT_MAX    (8 << 20) /* a short input can make much, which takes long */
#define WINDOW_MAX (256 << 10)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static int file_of(const unsigned char *bytes, size_t length)
{
	struct error err;
	int fd = memfd_create("fuzz-pump", MFD_CLOEXEC);

	if (fd < 0 || !file_write(fd, "input", bytes, length, &err) || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

/* Marks are where the pump stood, or behind the one that it went on from. */
static void check_marks(const struct pump *pump)
{
	for (size_t i = 0; i < PUMP_MARKS; i++) {
		const struct pump_mark *mark = &pump->marks->marks[i];

		assert(mark->out <= pump->out && mark->in <= pump->in);
		assert(pump_window(mark) >= 0 && pump_window(mark) <= mark->out);
	}
}

static void run(struct pump *pump, int64_t already)
{
	autofree struct pump_marks *marks = mem_alloc(sizeof(*marks));
	struct error err = { 0 };
	struct stat info;

	pump->marks = marks;
	if (pump_run(pump, &err))
		assert(pump->in == pump->source.size && fstat(pump->to, &info) == 0 &&
		       info.st_size == pump->out - already);
	else
		assert(err.text[0] != '\0');
	check_marks(pump);
}

/* Wide windows cost time, and show nothing that narrow ones do not. */
static void go_on(struct pump *pump, const unsigned char *state, size_t size)
{
	autofree struct pump_mark *mark = mem_alloc(sizeof(*mark));
	autofree unsigned char *zeros = mem_alloc(WINDOW_MAX);
	struct zstdstate parsed;

	memcpy(&parsed, state, size);
	if (zstdstate_window(&parsed) > WINDOW_MAX || parsed.made > WINDOW_MAX)
		return;
	mark->out = WINDOW_MAX;
	mark->compression = COMPRESSION_ZSTD;
	mark->decoder_size = (uint32_t)size;
	memcpy(mark->decoder, state, size);

	autoclose int window = file_of(zeros, WINDOW_MAX);
	struct hash hash = { 0 };

	hash_init(&hash);
	hash_save(&hash, &mark->in_hash);
	hash_save(&hash, &mark->out_hash);
	hash_done(&hash);
	pump->from = mark;
	pump->window = &window;
	run(pump, mark->out);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const struct rlimit limit = { OUT_MAX, OUT_MAX };
	size_t state = sizeof(struct zstdstate), begin = 1;
	bool is_going_on = size > 0 && (data[0] & 1);

	signal(SIGXFSZ, SIG_IGN);
	if (is_going_on)
		begin += state;
	if (size <= begin || setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 0;

	autoclose int blob = file_of(data + begin, size - begin), to = file_of(data, 0);
	struct pump pump = { .source = { .fd = blob, .offset = 0, .size = (int64_t)(size - begin) },
			     .to = to };

	if (is_going_on)
		go_on(&pump, data + 1, state);
	else
		run(&pump, 0);
	return 0;
}
