/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Out of memory is no state to carry on from; see the header. */
static void *or_die(void *memory)
{
	static const char message[] = "mooring: out of memory\n";

	if (memory)
		return memory;
	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		abort();
	_exit(125);
}

void *mem_alloc(size_t size)
{
	return or_die(calloc(1, size ? size : 1));
}

void *mem_array(size_t count, size_t size)
{
	return or_die(calloc(count ? count : 1, size ? size : 1));
}

void *mem_resize(void *old, size_t count, size_t size)
{
	return or_die(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *mem_strdup(const char *text)
{
	return text ? or_die(strdup(text)) : NULL;
}

char *mem_printf(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	return or_die(length < 0 ? NULL : text);
}

void mem_cleanup_free(void *pointer_to_pointer)
{
	int saved = errno; /* glibc's free keeps errno since 2.33, others may not */
	void *memory;

	memcpy(&memory, pointer_to_pointer, sizeof(memory));
	free(memory);
	errno = saved;
}

void mem_cleanup_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

void mem_cleanup_fclose(FILE **file)
{
	int saved = errno;

	if (*file)
		fclose(*file);
	errno = saved;
}

void mem_cleanup_closedir(DIR **dir)
{
	int saved = errno;

	if (*dir)
		closedir(*dir);
	errno = saved;
}

void drop_fd(int *fd)
{
	mem_cleanup_close(fd);
	*fd = -1;
}

int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

char *take_text(char **text)
{
	char *taken = *text;

	*text = NULL;
	return taken;
}

void *take_pointer(void *pointer_to_pointer)
{
	void *taken;
	void *const empty = NULL;

	memcpy(&taken, pointer_to_pointer, sizeof(taken));
	memcpy(pointer_to_pointer, &empty, sizeof(empty));
	return taken;
}

/* Each chunk is twice the one before it: a few names cost little, a large document few calls. */
#define ARENA_CHUNK_MIN 1024
#define ARENA_CHUNK_MAX 65536

struct arena_chunk {
	struct arena_chunk *older;
	size_t size;
	alignas(max_align_t) char bytes[];
};

static size_t align_up(size_t size)
{
	return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static size_t next_chunk_size(const struct arena *arena, size_t wanted)
{
	size_t size = arena->chunks ? 2 * arena->chunks->size : ARENA_CHUNK_MIN;

	if (size > ARENA_CHUNK_MAX)
		size = ARENA_CHUNK_MAX;
	return size > wanted ? size : wanted;
}

/* Not zeroed: to zero a chunk as a whole would touch what is never used of it. */
static void *take(struct arena *arena, size_t size)
{
	size_t wanted = align_up(size ? size : 1);

	if (wanted < size || wanted > SIZE_MAX - sizeof(struct arena_chunk))
		or_die(NULL);
	if (!arena->chunks || arena->chunks->size - arena->used < wanted) {
		size_t chunk_size = next_chunk_size(arena, wanted);
		struct arena_chunk *chunk = or_die(malloc(sizeof(*chunk) + chunk_size));

		chunk->size = chunk_size;
		chunk->older = arena->chunks;
		arena->chunks = chunk;
		arena->used = 0;
		arena->size += chunk_size;
	}

	void *memory = arena->chunks->bytes + arena->used;

	arena->used += wanted;
	return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return memset(take(arena, size), 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		or_die(NULL);
	return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = take(arena, length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

/* Most texts are short: those are printed once, and copied. */
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	char brief[128];
	va_list again;

	va_copy(again, args);
	int length = vsnprintf(brief, sizeof(brief), format, again);
	va_end(again);
	if (length < 0)
		or_die(NULL);
	if ((size_t)length < sizeof(brief))
		return arena_strndup(arena, brief, (size_t)length);

	char *text = take(arena, (size_t)length + 1);

	vsnprintf(text, (size_t)length + 1, format, args);
	return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

void arena_wipe(struct arena *arena)
{
	for (struct arena_chunk *chunk = arena->chunks; chunk; chunk = chunk->older)
		explicit_bzero(chunk->bytes, chunk->size);
	arena_done(arena);
}

void arena_done(struct arena *arena)
{
	int saved = errno;

	while (arena->chunks) {
		struct arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->older;
		free(chunk);
	}
	arena->used = 0;
	arena->size = 0;
	errno = saved;
}

bool mem_is_zero(const void *bytes, size_t count)
{
	const char *first = bytes;

	return count == 0 || (*first == '\0' && memcmp(first, first + 1, count - 1) == 0);
}
