/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SYSCALLS_H
#define RUNTIME_SYSCALLS_H

#include <stdint.h>

#include "runtime/seccomp.h"

/*
 * System call names and their numbers. A table of ours, not the build machine's headers: profiles
 * name calls that are newer than the C library, and a cross build needs the target's numbers.
 * tests/unit/seccomp.c compares it with libseccomp and the kernel's headers.
 */

/* On i386 sockets and System V IPC are also reached through one call each, whose first argument
 * says which; `muxed` is that argument. */
#define SYSCALLS_NR_SOCKETCALL 102
#define SYSCALLS_NR_IPC        117

struct syscalls_entry {
	const char *name;
	int32_t nr[SECCOMP_ARCHES]; /* -1: not on this architecture; x32 without its bit 30 */
	uint8_t mux;                /* 0, SYSCALLS_NR_SOCKETCALL or SYSCALLS_NR_IPC */
	uint8_t muxed;
};

/* NULL if no architecture has it. */
const struct syscalls_entry *syscalls_find(const char *name);

/* All of them, sorted by name. */
extern const struct syscalls_entry syscalls_table[];
extern const unsigned syscalls_count;

#endif
