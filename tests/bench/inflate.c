/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that must be computed for a layer: hash what comes, inflate it, hash what comes out.
 * Reads a blob from stdin, writes nothing. Its CPU time is part of the physical limit of a pull.
 */
#include <stdio.h>
#include <unistd.h>

#include "image/pump.h"

int main(void)
{
	struct pump pump = { .source = { .fd = STDIN_FILENO, .offset = -1, .size = -1 }, .to = -1 };
	struct error err;

	if (!pump_run(&pump, &err)) {
		fprintf(stderr, "inflate: %s\n", err.text);
		return 1;
	}
	return 0;
}
