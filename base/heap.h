/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>

#include "base/attr.h"

/*
 * malloc and its family for programs linked with musl (heapmalloc.c): for one thread, and for
 * commands that live for milliseconds. What is freed is kept and used again, where musl's own
 * allocator gives it back to the kernel and asks for it again the next moment. Memory is aligned
 * for any type. A chunk that was overwritten or freed twice ends the process: see heap.c.
 */

/* NULL, with ENOMEM, if there is none. */
void *heap_alloc(size_t size) must_check;
/* The same, zeroed; the product may overflow. */
void *heap_zeroed(size_t count, size_t size) must_check;
/* As realloc: the old memory stays as it is if there is none. */
void *heap_resize(void *memory, size_t size) must_check;
void heap_free(void *memory); /* NULL is none; errno survives */

/* Gives the kernel back whole pages of what is free: before a long wait. */
void heap_rest(void);

#endif
