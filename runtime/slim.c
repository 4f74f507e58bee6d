/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/slim.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int drop_segments(struct dl_phdr_info *info, size_t size, void *context)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)context;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;

		/* Only what is never written: such pages hold nothing but the file's bytes. */
		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void slim_process(void)
{
	malloc_trim(0);
	dl_iterate_phdr(drop_segments, NULL);
}
