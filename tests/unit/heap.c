/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tap.h"

#define HEADER 16 /* bytes in front of a chunk */

static bool is_filled(const unsigned char *bytes, size_t count, unsigned char with)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != with)
			return false;
	return true;
}

/* Sizes around every class, all held at once: none touches another. */
static void test_sizes(void)
{
	enum {
		COUNT = 400
	};
	unsigned char *held[COUNT];
	size_t sizes[COUNT];
	bool is_good = true;

	for (size_t i = 0; i < COUNT; i++) {
		sizes[i] = i < 200 ? i : (size_t)1 << (6 + i % 12);
		sizes[i] += i < 200 ? 0 : i % 3 - 1;
		held[i] = heap_alloc(sizes[i]);
		is_good = is_good && held[i] && (uintptr_t)held[i] % HEADER == 0;
		memset(held[i], (int)(i & 0xff), sizes[i]);
	}
	check(is_good, "memory of every size, aligned");
	for (size_t i = 0; i < COUNT; i++) {
		is_good = is_good && is_filled(held[i], sizes[i], i & 0xff);
		heap_free(held[i]);
	}
	check(is_good, "which keeps what was written");
}

static void test_again(void)
{
	unsigned char *first = heap_alloc(1000);

	memset(first, 1, 1000);
	heap_free(first);
	unsigned char *second = heap_zeroed(10, 100);

	check((uintptr_t)second == (uintptr_t)first, "what was freed is used again");
	check(is_filled(second, 1000, 0), "and zeroed where that is asked for");
	heap_free(second);
	heap_free(NULL);
}

static void test_resize(void)
{
	unsigned char *memory = heap_resize(NULL, 10);

	memset(memory, 7, 10);
	for (size_t size = 10; size < 1 << 20; size *= 3)
		memory = heap_resize(memory, size);
	check(is_filled(memory, 10, 7), "what grows keeps its contents");
	memory = heap_resize(memory, 5);
	check(is_filled(memory, 5, 7), "and what shrinks");
	heap_free(memory);
}

static size_t far_too_much = SIZE_MAX / 2; /* not known to the compiler as a constant */

static void test_refusals(void)
{
	errno = 0;
	check(!heap_alloc(far_too_much) && errno == ENOMEM, "too much is refused");
	check(!heap_alloc(SIZE_MAX), "as much as there can be, too");
	errno = 0;
	check(!heap_zeroed(far_too_much, 8) && errno == ENOMEM, "and a product that overflows");
}

static bool is_resident(void *memory)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char state = 1;

	return mincore((void *)((uintptr_t)memory & ~(page - 1)), page, &state) != 0 || state & 1;
}

/* Between two that stay, and behind the last. */
static void test_rest(void)
{
	enum {
		SIZE = 64 << 10,
		COUNT = 3000
	};
	unsigned char *many[COUNT];
	bool is_good = true;

	for (size_t i = 0; i < COUNT; i++) {
		many[i] = heap_alloc(100);
		memset(many[i], 3, 100);
	}
	unsigned char *middle = heap_alloc(100), *large = heap_alloc(SIZE), *last = heap_alloc(100),
		      *behind = heap_alloc(SIZE);

	memset(large, 1, SIZE);
	memset(behind, 1, SIZE);
	memset(middle, 2, 100);
	memset(last, 2, 100);
	for (size_t i = 0; i < COUNT; i++)
		heap_free(many[i]);
	heap_free(large);
	heap_free(behind);
	heap_rest();
	check(is_filled(middle, 100, 2) && is_filled(last, 100, 2), "what is in use stays");
	check(!is_resident(many[COUNT / 2]) && !is_resident(large + SIZE / 2) &&
		      !is_resident(behind + SIZE / 2),
	      "pages of what is free go back to the kernel");
	for (size_t i = 0; i < COUNT; i++) {
		many[i] = heap_zeroed(2, 60);
		is_good = is_good && is_filled(many[i], 120, 0);
		memset(many[i], 4, 120);
	}
	behind = heap_zeroed(1, SIZE);
	check(is_good && is_filled(behind, SIZE, 0),
	      "and come again, zeroed, when they are needed");
	check(is_filled(middle, 100, 2) && is_filled(last, 100, 2), "and away from what is in use");
	heap_rest();
	heap_rest();
	for (size_t i = 0; i < COUNT; i++) {
		is_good = is_good && is_filled(many[i], 120, 4);
		heap_free(many[i]);
	}
	check(is_good, "what is in use stays, however often");
	heap_free(behind);
	heap_free(middle);
	heap_free(last);
	heap_rest();
}

static void free_twice(void)
{
	unsigned char *memory = heap_alloc(40);
	void *volatile same = memory;

	heap_free(memory);
	heap_free(same);
}

static void write_beyond(void)
{
	unsigned char *next = heap_alloc(32);

	memset(next - HEADER, 0, HEADER); /* as from the chunk before it */
	heap_free(next);
}

static void free_what_is_none(void)
{
	static _Alignas(HEADER) unsigned char bytes[4 * HEADER];

	heap_free(bytes + HEADER);
}

static void mislead_the_list(void)
{
	static _Alignas(HEADER) unsigned char bytes[8 * HEADER];
	unsigned char *memory = heap_alloc(72);
	unsigned char *const target = bytes;
	void *volatile freed = memory;

	heap_free(memory);
	memcpy(freed, &target, sizeof(target));
	(void)!heap_alloc(72);
	(void)!heap_alloc(72);
}

static void check_dies(void (*action)(void), const char *name)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr))
			_exit(0);
		action();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s ends the process", name);
}

int main(void)
{
	test_sizes();
	test_again();
	test_resize();
	test_refusals();
	test_rest();
	check_dies(free_twice, "a second free");
	check_dies(write_beyond, "a write beyond the end");
	check_dies(free_what_is_none, "to free what is no chunk");
	check_dies(mislead_the_list, "a list that leads elsewhere");
	return tap_done();
}
