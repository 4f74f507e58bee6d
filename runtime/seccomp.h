/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SECCOMP_H
#define RUNTIME_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"

/*
 * OCI `linux.seccomp` to a classic BPF program, and that program to the kernel. The verdicts are
 * those that runc gets from libseccomp, in a tenth of the instructions: see seccomp.c.
 *
 * Compile first (it allocates, and reads JSON), apply rlimits, load last: loading needs one system
 * call, no memory and no files, so it is safe in a child that shares its parent's memory.
 */

/* The machine's own architecture and those whose programs its kernel may also run. */
enum seccomp_arch {
	SECCOMP_X86_64,
	SECCOMP_X86,
	SECCOMP_X32,
	SECCOMP_AARCH64,
	SECCOMP_ARM,
};
#define SECCOMP_ARCHES 5

struct seccomp_filter {
	struct sock_filter *code;     /* heap; NULL is empty */
	size_t length;                /* instructions */
	unsigned flags;               /* SECCOMP_FILTER_FLAG_… */
	bool has_notify;              /* loading gives a listener, for the agent of the profile: */
	const char *agent, *metadata; /* its socket, and what it is told; the profile's own texts */
};

/* Compiles the object `linux.seccomp`. What runc refuses is refused with its place:
 * "config.json: linux.seccomp.syscalls[3].args[0].op: …". */
must_check bool seccomp_compile(const struct json *profile, struct seccomp_filter *filter,
				struct error *err);
/* The same as if this were a machine of another kind (tests). */
must_check bool seccomp_compile_for(enum seccomp_arch native, const struct json *profile,
				    struct seccomp_filter *filter, struct error *err);
void seccomp_filter_done(struct seccomp_filter *filter);

/* Puts the filter on the calling thread, for good. Needs no_new_privs or CAP_SYS_ADMIN. *listener
 * is the descriptor of the calls that an agent is to answer, or -1. */
must_check bool seccomp_load(const struct seccomp_filter *filter, int *listener, struct error *err);

#endif
