/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/slim.h"

#include <link.h>
#include <linux/time_types.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __GLIBC__
#include "base/heap.h"
#endif

/*
 * How this works. MADV_DONTNEED on pages of a file that were never written forgets them; touching
 * one brings it back. But the kernel brings back 64 KiB around it, as far as the mapping goes. So
 * the few functions that run while we wait get mappings of a page each: any advice that differs
 * from its neighbours' splits a mapping, and MADV_RANDOM has no other effect on pages in the cache.
 */

#define FUNCTION_MAX 512         /* bytes of the longest function that is kept */
#define STACK_MAX    (1UL << 20) /* far more than we use below here */
#define LATER_MS     1000

/* Of 32-bit machines' two the one whose seconds have 64 bits. */
#ifdef SYS_ppoll_time64
#define SYS_PPOLL SYS_ppoll_time64
#else
#define SYS_PPOLL SYS_ppoll
#endif

static uintptr_t page_size(void)
{
	return (uintptr_t)sysconf(_SC_PAGESIZE);
}

static int find_parts(struct dl_phdr_info *info, size_t size, void *context)
{
	uintptr_t mask = ~(page_size() - 1);
	struct slim *slim = context;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;
		uintptr_t end = start + segment->p_memsz;

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) &&
		    slim->count < SLIM_PARTS)
			slim->parts[slim->count++] =
				(struct slim_part){ (void *)(start & mask), end - (start & mask) };
	}
	return 0;
}

static void keep(uintptr_t function)
{
	uintptr_t page = page_size();
	uintptr_t start = function & ~(page - 1);
	uintptr_t end = (function + FUNCTION_MAX + page - 1) & ~(page - 1);

	madvise((void *)start, end - start, MADV_RANDOM);
}

#ifndef __GLIBC__
long __syscall_ret(unsigned long); /* musl's: every call of its ends there */
#endif

void slim_init(struct slim *slim)
{
	*slim = (struct slim){ 0 };
	dl_iterate_phdr(find_parts, slim);
	keep((uintptr_t)slim_poll);
	keep((uintptr_t)syscall);
	keep((uintptr_t)madvise);
#ifndef __GLIBC__
	keep((uintptr_t)__syscall_ret);
#endif
}

int slim_poll(const struct slim *slim, struct pollfd *fds, nfds_t count, int64_t milliseconds)
{
	struct __kernel_timespec limit = { .tv_sec = milliseconds / 1000,
					   .tv_nsec = milliseconds % 1000 * 1000000 };
	uintptr_t page = page_size();
	/* A page below this frame may still be used by the calls made here. */
	uintptr_t dead = ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - page;

#ifdef __GLIBC__
	malloc_trim(0);
#else
	heap_rest();
#endif
	madvise((void *)(dead - STACK_MAX), STACK_MAX, MADV_DONTNEED);
	for (size_t i = 0; i < slim->count; i++)
		madvise(slim->parts[i].start, slim->parts[i].length, MADV_DONTNEED);
	/* poll goes through more pages */
	return (int)syscall(SYS_PPOLL, fds, count, milliseconds < 0 ? NULL : &limit, NULL, 0);
}

int slim_poll_later(const struct slim *slim, struct pollfd *fds, nfds_t count, int64_t milliseconds)
{
	bool is_short = milliseconds >= 0 && milliseconds <= LATER_MS;
	int ready = poll(fds, count, is_short ? (int)milliseconds : LATER_MS);

	if (ready != 0 || is_short)
		return ready;
	return slim_poll(slim, fds, count, milliseconds < 0 ? -1 : milliseconds - LATER_MS);
}
