/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/wait.h>

#include "tests/unit/tap.h"

static void test_heap(void)
{
	autofree char *zeroed = mem_alloc(64);
	autofree int *array = mem_array(8, sizeof(int));
	autofree char *nothing = mem_alloc(0);
	autofree char *text = mem_printf("%s-%d", "a", 7);
	autofree char *copy = mem_strdup(text);
	bool is_zero = true;

	for (int i = 0; i < 64; i++)
		is_zero = is_zero && zeroed[i] == 0;
	for (int i = 0; i < 8; i++)
		is_zero = is_zero && array[i] == 0;
	check(is_zero, "fresh memory is zero");
	check(nothing != NULL, "zero bytes give a pointer that can be freed");
	check_text(copy, "a-7", "mem_printf and mem_strdup");
	check_text(mem_strdup(NULL), NULL, "mem_strdup of nothing");
	array = mem_resize(array, 1000, sizeof(int));
	check(array && array[7] == 0, "mem_resize keeps what was there");
}

/* Runs `action` in a child, which it must end with our exit code. */
static void check_dies(void (*action)(void), const char *name)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(0);
		action();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 125, "%s ends the process", name);
}

static size_t half = SIZE_MAX / 2; /* not known to the compiler as a constant */

static void overflow_array(void)
{
	if (mem_array(half, 8))
		_exit(1);
}

static void overflow_resize(void)
{
	if (mem_resize(NULL, half, 8))
		_exit(1);
}

static void overflow_arena_array(void)
{
	struct arena arena = { 0 };

	if (arena_array(&arena, half, 8))
		_exit(1);
}

static void overflow_arena(void)
{
	struct arena arena = { 0 };

	if (arena_alloc(&arena, half + half + 1))
		_exit(1);
}

static void test_cleanup(void)
{
	int kept = open("/dev/null", O_RDONLY | O_CLOEXEC), closed = kept;

	{
		autoclose int fd = kept;
		autoclose int empty = -1;
		autofree char *text = mem_strdup("x");
		autofile FILE *file = fopen("/dev/null", "re");
		autodir DIR *dir = opendir("/");

		check(fd >= 0 && empty == -1 && text && file && dir, "resources are open");
		errno = EXDEV;
	}
	check_int(errno, EXDEV, "errno survives the cleanup");
	check(fcntl(closed, F_GETFD) < 0 && errno == EBADF, "the descriptor is closed");

	int zero = dup(STDIN_FILENO);

	close(STDIN_FILENO);
	{
		autoclose int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		check_int(fd, 0, "0 is a valid descriptor");
	}
	check(fcntl(0, F_GETFD) < 0, "and is closed as any other");
	if (zero >= 0) {
		dup2(zero, STDIN_FILENO);
		close(zero);
	}
}

static void test_take(void)
{
	int fd = 5;
	char *text = mem_strdup("mine"), *pointer = mem_strdup("also");
	autofree char *taken = NULL, *also = NULL;

	check_int(take_fd(&fd), 5, "take_fd");
	check_int(fd, -1, "leaves -1");
	drop_fd(&fd);
	fd = dup(STDOUT_FILENO);
	drop_fd(&fd);
	check_int(fd, -1, "drop_fd leaves -1, and may come twice");
	taken = take_text(&text);
	also = take_pointer(&pointer);
	check_text(taken, "mine", "take_text");
	check_text(also, "also", "take_pointer");
	check(!text && !pointer, "leave NULL");
}

static void test_arena(void)
{
	autoarena struct arena arena = { 0 };
	struct arena empty = { 0 };
	struct arena earlier = { 0 };
	bool is_aligned = true, is_zero = true;

	for (size_t size = 0; size < 3000; size++)
		memset(arena_alloc(&earlier, size), 0xff, size);
	arena_done(&earlier); /* its memory may come back, as it is */
	for (size_t size = 0; size < 3000; size++) {
		char *memory = arena_alloc(&arena, size);

		is_aligned = is_aligned && (uintptr_t)memory % _Alignof(max_align_t) == 0;
		for (size_t i = 0; i < size; i++)
			is_zero = is_zero && memory[i] == 0;
		memset(memory, 0xff, size);
	}
	check(is_aligned, "memory is aligned for any type");
	check(is_zero, "and zero");

	char *large = arena_alloc(&arena, 1 << 20);

	memset(large, 1, 1 << 20);
	check_text(arena_strndup(&arena, "abcdef", 3), "abc", "arena_strndup");
	check_text(arena_strdup(&arena, NULL), NULL, "arena_strdup of nothing");
	check_text(arena_printf(&arena, "%s/%05d", "x", 42), "x/00042", "arena_printf");
	check_text(arena_printf(&arena, "%s", ""), "", "arena_printf of nothing");
	arena_done(&empty);
	arena_done(&arena);
	arena_done(&arena);
	check(!arena.chunks, "arena_done leaves it empty, and may come twice");
	check_text(arena_strdup(&arena, "again"), "again", "and ready");
}

int main(void)
{
	test_heap();
	check_dies(overflow_array, "mem_array that overflows");
	check_dies(overflow_resize, "mem_resize that overflows");
	check_dies(overflow_arena_array, "arena_array that overflows");
	check_dies(overflow_arena, "arena_alloc of everything");
	test_cleanup();
	test_take();
	test_arena();
	return tap_done();
}
