/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * How this works. Chunks are cut one after the other from an area: the first is part of the
 * program, others come from the kernel. Sizes are rounded up to a class, of which there are four to
 * each doubling, and what is freed waits in its class's list. Large ones are mappings of their own.
 * Neighbours are joined only before a long wait, when time does not count and memory does.
 *
 * In front of every chunk stands its size and a seal, made of its address, its size and its state
 * with a number that no other process knows. It is looked at whenever the chunk changes its state,
 * so that a write beyond the end of a chunk, a second free, and a list that leads anywhere else are
 * found before they are of use to anybody.
 */

#define AREA_SIZE    (256UL << 10)
#define LARGE_MIN    (112UL << 10) /* a size above is a mapping of its own */
#define FINE_MAX     64            /* up to here a class every 16 bytes */
#define FINE_CLASSES (FINE_MAX / sizeof(struct chunk))
#define FINE_LOG     6 /* of FINE_MAX */
#define CLASSES      (FINE_CLASSES + (17 - FINE_LOG) * 4)

struct chunk {
	size_t size; /* of what follows, bytes */
	uint64_t seal;
} __attribute__((aligned(16)));

/* What a free chunk holds. */
struct link {
	struct chunk *next;
};

enum state {
	STATE_USED = 0x55,
	STATE_FREE = 0xaa,
};

_Static_assert(sizeof(struct chunk) == 16, "memory is aligned by the size of what is before it");

/* What an area begins with; its chunks follow. */
struct area {
	struct area *older;
	char *end; /* of its chunks; of the newest one: see heap.next */
} __attribute__((aligned(sizeof(struct chunk))));

static struct {
	uint64_t secret; /* 0: not begun */
	struct area *newest;
	char *next; /* the next chunk to be cut */
	struct chunk *free[CLASSES];
} heap;

static char first_area[AREA_SIZE] __attribute__((aligned(sizeof(struct chunk))));

_Noreturn static void give_up(void)
{
	static const char message[] = "mooring: memory was overwritten\n";

	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	abort();
}

static void add_area(char *bytes)
{
	struct area *area = (struct area *)(void *)bytes;

	area->older = heap.newest;
	heap.newest = area;
	heap.next = bytes + sizeof(*area);
}

static void begin(void)
{
	const char *random = (const char *)(uintptr_t)getauxval(AT_RANDOM);

	if (random) /* its first half guards the stack */
		memcpy(&heap.secret, random + sizeof(heap.secret), sizeof(heap.secret));
	heap.secret |= 1;
	add_area(first_area);
}

static uint64_t seal_of(const struct chunk *chunk, enum state state)
{
	return heap.secret ^ ((uint64_t)(uintptr_t)chunk << 8) ^ ((uint64_t)chunk->size << 16) ^
	       state;
}

static void check(const struct chunk *chunk, enum state state)
{
	if (chunk->seal != seal_of(chunk, state))
		give_up();
}

static struct chunk *chunk_of(void *memory)
{
	return (struct chunk *)memory - 1;
}

static struct link *link_of(struct chunk *chunk)
{
	return (struct link *)(chunk + 1);
}

/* *size becomes the largest of its class. */
static size_t class_of(size_t *size)
{
	size_t last = *size ? *size - 1 : 0;

	if (last < FINE_MAX) {
		*size = (last / sizeof(struct chunk) + 1) * sizeof(struct chunk);
		return last / sizeof(struct chunk);
	}
	size_t log = sizeof(last) * 8 - 1 - (size_t)__builtin_clzl(last);
	size_t step = log - 2; /* log 2 of the distance between classes here */

	*size = ((last >> step) + 1) << step;
	return FINE_CLASSES + (log - FINE_LOG) * 4 + (last >> step & 3);
}

static void *map(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

static void *hand_out(struct chunk *chunk)
{
	chunk->seal = seal_of(chunk, STATE_USED);
	return chunk + 1;
}

static void *alloc_large(size_t size)
{
	size_t whole = size + sizeof(struct chunk);
	struct chunk *chunk = whole > size && whole <= PTRDIFF_MAX ? map(whole) : NULL;

	if (!chunk) {
		errno = ENOMEM;
		return NULL;
	}
	chunk->size = size;
	return hand_out(chunk);
}

/* One that was never used: zeroed. */
static void *cut(size_t size)
{
	size_t whole = size + sizeof(struct chunk);

	if ((size_t)((char *)heap.newest + AREA_SIZE - heap.next) < whole) {
		char *area = map(AREA_SIZE);

		if (!area)
			return NULL;
		heap.newest->end = heap.next;
		add_area(area);
	}
	struct chunk *chunk = (struct chunk *)(void *)heap.next;

	heap.next += whole;
	chunk->size = size;
	return hand_out(chunk);
}

static void *alloc(size_t size, bool *is_zeroed)
{
	if (!heap.secret)
		begin();
	*is_zeroed = size > LARGE_MIN;
	if (size > LARGE_MIN)
		return alloc_large(size);
	struct chunk **list = &heap.free[class_of(&size)];
	struct chunk *chunk = *list;

	*is_zeroed = !chunk;
	if (!chunk)
		return cut(size);
	check(chunk, STATE_FREE);
	*list = link_of(chunk)->next;
	return hand_out(chunk);
}

void *heap_alloc(size_t size)
{
	bool is_zeroed;

	return alloc(size, &is_zeroed);
}

void *heap_zeroed(size_t count, size_t size)
{
	bool is_zeroed;
	size_t whole;

	if (__builtin_mul_overflow(count, size, &whole)) {
		errno = ENOMEM;
		return NULL;
	}
	void *memory = alloc(whole, &is_zeroed);

	return memory && !is_zeroed ? memset(memory, 0, whole) : memory;
}

void *heap_resize(void *memory, size_t size)
{
	if (!memory)
		return heap_alloc(size);
	struct chunk *chunk = chunk_of(memory);

	check(chunk, STATE_USED);
	if (size <= chunk->size)
		return memory;
	void *larger = heap_alloc(size);

	if (!larger)
		return NULL;
	memcpy(larger, memory, chunk->size);
	heap_free(memory);
	return larger;
}

static void enlist(struct chunk *chunk)
{
	size_t size = chunk->size;
	struct chunk **list = &heap.free[class_of(&size)];

	chunk->seal = seal_of(chunk, STATE_FREE);
	link_of(chunk)->next = *list;
	*list = chunk;
}

void heap_free(void *memory)
{
	if (!memory)
		return;
	struct chunk *chunk = chunk_of(memory);
	size_t size = chunk->size;

	check(chunk, STATE_USED);
	if (size > LARGE_MIN) {
		int saved = errno;

		munmap(chunk, size + sizeof(*chunk));
		errno = saved;
		return;
	}
	enlist(chunk);
}

/* Before a wait. ------------------------------------------------------------------------------ */

/* The whole pages of a part; none: *first is *last. */
static void find_pages(char *start, char *end, char **first, char **last)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*first = start + (-(uintptr_t)start & (page - 1));
	*last = end - ((uintptr_t)end & (page - 1));
	if (*first > *last)
		*first = *last = end;
}

static void give_back(char *start, char *end)
{
	char *first, *last;

	find_pages(start, end, &first, &last);
	if (first < last)
		madvise(first, (size_t)(last - first), MADV_DONTNEED);
}

/* The largest of a class that is not larger. */
static size_t class_below(size_t size)
{
	if (size > LARGE_MIN)
		return LARGE_MIN;
	if (size < FINE_MAX)
		return size & ~(sizeof(struct chunk) - 1);
	size_t step = sizeof(size) * 8 - 1 - (size_t)__builtin_clzl(size) - 2;

	return size >> step << step;
}

/* As few chunks as can be in the place of many free ones. */
static void cut_anew(char *start, char *end)
{
	while (start < end) {
		struct chunk *chunk = (struct chunk *)(void *)start;
		size_t room = (size_t)(end - start) - sizeof(*chunk);
		size_t size = class_below(room);

		if (room - size == sizeof(*chunk)) /* too little for another */
			size = class_below(size - 1);
		chunk->size = size;
		enlist(chunk);
		start = (char *)(chunk + 1) + size;
		give_back((char *)(link_of(chunk) + 1), start);
	}
}

/* The newest area ends earlier; what is cut from it later is to be zero, as given back pages are.
 */
static void draw_back(char *start)
{
	char *first, *last;

	find_pages(start, heap.next, &first, &last);
	give_back(start, heap.next);
	memset(start, 0, (size_t)(first - start));
	memset(last, 0, (size_t)(heap.next - last));
	heap.next = start;
}

static void tidy_area(struct area *area)
{
	char *end = area == heap.newest ? heap.next : area->end;
	char *free_from = NULL;

	for (char *at = (char *)(area + 1); at < end;) {
		struct chunk *chunk = (struct chunk *)(void *)at;
		bool is_free = chunk->seal == seal_of(chunk, STATE_FREE);

		if (!is_free)
			check(chunk, STATE_USED);
		at += sizeof(*chunk) + chunk->size;
		if (is_free && !free_from)
			free_from = (char *)chunk;
		if (!is_free && free_from) {
			cut_anew(free_from, (char *)chunk);
			free_from = NULL;
		}
	}
	if (free_from && area == heap.newest)
		draw_back(free_from);
	else if (free_from)
		cut_anew(free_from, end);
}

void heap_rest(void)
{
	memset(heap.free, 0, sizeof(heap.free)); /* written anew */
	for (struct area *area = heap.newest; area; area = area->older)
		tidy_area(area);
}
