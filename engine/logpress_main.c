/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/attr.h"
#include "engine/logpress.h"

/*
 * How this works. Whoever packs or unpacks bytes may read, write and end, and nothing else: the
 * kernel's strict filter. So memory comes from one mapping made before, and files are opened,
 * renamed and removed by the process that started the packing one.
 */

#define DIRECTORY   3
#define LEVEL       6 /* as gzip has it */
#define WINDOW_GZIP (15 + 16)
#define MEMORY_SIZE (512 << 10) /* deflate takes 268 KiB, inflate 44 */
#define STEP        (32 << 10)
#define ALIGNMENT   16
#define NAME_SIZE   300 /* NAME_MAX and a number */
#define FILES_MAX   1000
#define NICE        19

struct memory {
	unsigned char *bytes;
	size_t used;
	unsigned char in[STEP], out[STEP];
};

static voidpf take(voidpf opaque, uInt items, uInt size)
{
	struct memory *memory = opaque;
	size_t wanted = ((size_t)items * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

	if (wanted > MEMORY_SIZE - memory->used)
		return Z_NULL;
	memory->used += wanted;
	return memory->bytes + memory->used - wanted;
}

static void give_back(voidpf opaque, voidpf address)
{
	(void)opaque;
	(void)address;
}

static struct memory *make_memory(void)
{
	const size_t size = sizeof(struct memory) + MEMORY_SIZE;
	void *mapping =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct memory *memory = mapping;

	if (mapping == MAP_FAILED)
		return NULL;
	memory->bytes = (unsigned char *)mapping + sizeof(struct memory);
	return memory;
}

/* From here on: read, write, end. Sanitizers need more. */
static bool confine(void)
{
#ifdef IS_SANITIZED
	return true;
#else
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) == 0;
#endif
}

/* exit_group is not among what is allowed. */
static _Noreturn void end(bool is_good)
{
	for (;;)
		syscall(SYS_exit, is_good ? 0 : 1);
}

static ssize_t read_some(int fd, unsigned char *to)
{
	ssize_t got;

	do {
		got = read(fd, to, STEP);
	} while (got < 0 && errno == EINTR);
	return got;
}

static bool write_all(int fd, const unsigned char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t done = write(fd, bytes, count);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		bytes += done;
		count -= (size_t)done;
	}
	return true;
}

static bool pack(z_stream *stream, struct memory *memory, int from, int to)
{
	int flush = Z_NO_FLUSH;

	while (flush != Z_FINISH) {
		ssize_t got = read_some(from, memory->in);

		if (got < 0)
			return false;
		flush = got == 0 ? Z_FINISH : Z_NO_FLUSH;
		stream->next_in = memory->in;
		stream->avail_in = (uInt)got;
		do {
			stream->next_out = memory->out;
			stream->avail_out = STEP;
			if (deflate(stream, flush) == Z_STREAM_ERROR ||
			    !write_all(to, memory->out, STEP - stream->avail_out))
				return false;
		} while (stream->avail_out == 0);
	}
	return true;
}

static bool unpack(z_stream *stream, struct memory *memory, int from, int to)
{
	int result = Z_OK;

	while (result != Z_STREAM_END) {
		ssize_t got = read_some(from, memory->in);

		if (got <= 0)
			return false;
		stream->next_in = memory->in;
		stream->avail_in = (uInt)got;
		do {
			stream->next_out = memory->out;
			stream->avail_out = STEP;
			result = inflate(stream, Z_NO_FLUSH);
			if ((result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) ||
			    !write_all(to, memory->out, STEP - stream->avail_out))
				return false;
		} while (result == Z_OK && stream->avail_out == 0);
	}
	return true;
}

/* The header's comment is the inode of what was packed: a reader finds out what became of the file
 * that it has open. */
static _Noreturn void pack_and_end(int from, int to, unsigned long long inode)
{
	char comment[LOGPRESS_COMMENT_MAX];
	gz_header header = { .os = 3 /* Unix */, .comment = (Bytef *)comment };
	struct memory *memory = make_memory();
	z_stream stream = { .zalloc = take, .zfree = give_back, .opaque = memory };

	snprintf(comment, sizeof(comment), "%llu", inode);
	end(memory &&
	    deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
	    deflateSetHeader(&stream, &header) == Z_OK && confine() &&
	    pack(&stream, memory, from, to));
}

static _Noreturn void unpack_and_end(void)
{
	struct memory *memory = make_memory();
	z_stream stream = { .zalloc = take, .zfree = give_back, .opaque = memory };

	end(memory && inflateInit2(&stream, WINDOW_GZIP) == Z_OK && confine() &&
	    unpack(&stream, memory, STDIN_FILENO, STDOUT_FILENO));
}

static bool pack_by_child(int from, int to, unsigned long long inode)
{
	pid_t parent = getpid();
	pid_t child = fork();
	int status;

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() != parent)
			_exit(1);
		pack_and_end(from, to, inode);
	}
	if (child < 0)
		return false;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return status == 0;
}

/* NAME.3 becomes NAME.3.gz, which is whole at any moment. */
static bool press(const char *name, int number)
{
	char plain[NAME_SIZE], packed[NAME_SIZE], fresh[NAME_SIZE];
	struct stat status;

	snprintf(plain, sizeof(plain), "%s.%d", name, number);
	snprintf(packed, sizeof(packed), "%s.%d" LOGPRESS_SUFFIX, name, number);
	snprintf(fresh, sizeof(fresh), "%s" LOGPRESS_FRESH, name);
	int from = openat(DIRECTORY, plain, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0)
		return errno == ENOENT;
	int to = openat(DIRECTORY, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0640);
	bool is_done = to >= 0 && fstat(from, &status) == 0 && S_ISREG(status.st_mode) &&
		       pack_by_child(from, to, status.st_ino) &&
		       futimens(to, (struct timespec[]){ status.st_atim, status.st_mtim }) == 0 &&
		       fdatasync(to) == 0 && renameat(DIRECTORY, fresh, DIRECTORY, packed) == 0 &&
		       unlinkat(DIRECTORY, plain, 0) == 0;

	if (!is_done)
		unlinkat(DIRECTORY, fresh, 0);
	close(from);
	if (to >= 0)
		close(to);
	return is_done;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--expand") == 0)
		unpack_and_end();

	int files = argc == 3 ? atoi(argv[2]) : 0;

	if (files < 2 || files > FILES_MAX || strlen(argv[1]) > NAME_SIZE / 2 ||
	    strchr(argv[1], '/')) {
		fprintf(stderr, "usage: mooring-logpress NAME FILES, mooring-logpress --expand\n");
		return 1;
	}
	if (nice(NICE) < 0)
		errno = 0; /* it only takes longer for others then */
	for (int number = files - 1; number > 0; number--)
		if (!press(argv[1], number))
			return 1;
	return 0;
}
