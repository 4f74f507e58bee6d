/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attr.h"

/*
 * Memory and ownership. Allocation failure ends the process: every size that comes from outside is
 * checked against a named limit before it gets here, and state on disk is safe at any instant.
 */

void *mem_alloc(size_t size) must_check;               /* zeroed */
void *mem_array(size_t count, size_t size) must_check; /* zeroed; overflow ends the process */
void *mem_resize(void *old, size_t count, size_t size) must_check;
char *mem_strdup(const char *text) must_check; /* NULL gives NULL */
char *mem_printf(const char *format, ...) must_check printf_like(1, 2);

/* Cleanup attributes: declared empty, released on every way out. errno survives them. */
void mem_cleanup_free(void *pointer_to_pointer);
void mem_cleanup_close(const int *fd);
void mem_cleanup_fclose(FILE **file);
void mem_cleanup_closedir(DIR **dir);

#define autofree  __attribute__((cleanup(mem_cleanup_free)))
#define autoclose __attribute__((cleanup(mem_cleanup_close))) /* an int; empty is -1 */
#define autofile  __attribute__((cleanup(mem_cleanup_fclose)))
#define autodir   __attribute__((cleanup(mem_cleanup_closedir)))

/* Moves ownership out of a local: returns its value and leaves it empty. */
int take_fd(int *fd);
/* Closes a descriptor that a struct holds, if there is one, and leaves it empty. errno survives. */
void drop_fd(int *fd);
char *take_text(char **text);
void *take_pointer(void *pointer_to_pointer);

/*
 * An arena: a parsed document is built freely in one and freed at once. Zero-initialised is empty
 * and ready. Memory from it is zeroed and aligned for any type.
 */
struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t used;                /* bytes taken from the newest chunk */
	size_t size;                /* bytes of all chunks: what it has taken of the memory */
};

void *arena_alloc(struct arena *arena, size_t size) must_check;
void *arena_array(struct arena *arena, size_t count, size_t size) must_check;
char *arena_strdup(struct arena *arena, const char *text) must_check; /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t length) must_check;
char *arena_printf(struct arena *arena, const char *format, ...) must_check printf_like(2, 3);
char *arena_vprintf(struct arena *arena, const char *format, va_list args) must_check
	printf_like(2, 0);
void arena_done(struct arena *arena);
/* The same for what held secrets: overwritten first. */
void arena_wipe(struct arena *arena);

bool mem_is_zero(const void *bytes, size_t count); /* every one of them */

#define autoarena __attribute__((cleanup(arena_done)))

#endif
