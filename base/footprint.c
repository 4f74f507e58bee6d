/* SPDX-License-Identifier: Apache-2.0 */
#include "base/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/heap.h"

/* Code in which addresses were written when it was loaded: that is in no file. */
static bool has_relocated_code(const ElfW(Dyn) * entry)
{
	for (; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_TEXTREL ||
		    (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
			return true;
	return false;
}

static int forget(struct dl_phdr_info *object, size_t size, void *context)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const ElfW(Phdr) *segments = object->dlpi_phdr;

	(void)size;
	(void)context;
	for (size_t i = 0; i < object->dlpi_phnum; i++)
		if (segments[i].p_type == PT_DYNAMIC &&
		    has_relocated_code((const void *)(object->dlpi_addr + segments[i].p_vaddr)))
			return 0;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		uintptr_t start = object->dlpi_addr + segments[i].p_vaddr;
		uintptr_t end = start + segments[i].p_memsz;

		if (segments[i].p_type != PT_LOAD || (segments[i].p_flags & PF_W))
			continue;
		start &= ~(page - 1);
		madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void footprint_shrink(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#else
	heap_rest();
#endif
	dl_iterate_phdr(forget, NULL);
}
