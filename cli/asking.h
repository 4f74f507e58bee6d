/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ASKING_H
#define CLI_ASKING_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Questions to the person at the terminal.
 */

/* Prints the warning and "Are you sure you want to continue? [y/N] " on stdout, as docker does;
 * true for a line that is "y" or "Y". */
bool asking_yes(const char *warning);

/* Reads one line from the terminal on stdin, without its newline; `is_secret` turns the echo off.
 */
must_check bool asking_line(const char *prompt, bool is_secret, struct buf *line,
			    struct error *err);

#endif
