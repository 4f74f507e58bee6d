/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mooring-unzip: takes a ZIP archive apart. Started by lifecycle/unarchive.c as a user who owns
 * nothing but the directory it writes into: the archive is descriptor 0, the directory 3, and what
 * went wrong is said on 2. It needs no other file, and has no other.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/log.h"
#include "lifecycle/unzip/zipfile.h"

#define ARCHIVE    0
#define DIRECTORY  3
#define MEMORY_MAX (64 * 1024 * 1024)

int main(void)
{
	const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX }, none = { 0, 0 };
	const struct rlimit seconds = { ZIPFILE_SECONDS_MAX, ZIPFILE_SECONDS_MAX };
	struct error err;

	log_set_program("mooring-unzip");
	umask(022);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* AddressSanitizer reserves terabytes, and looks for leaks in a process of its own. */
#ifndef IS_SANITIZED
	setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_NPROC, &none);
#else
	(void)memory;
#endif
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_CPU, &seconds);
	if (fcntl(DIRECTORY, F_GETFD) < 0) {
		fputs("usage: mooring-unzip 0<ARCHIVE 3<DIRECTORY (mooring-nucleus starts it)\n",
		      stderr);
		return 2;
	}
	if (zipfile_extract(ARCHIVE, DIRECTORY, &err))
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return 1;
}
