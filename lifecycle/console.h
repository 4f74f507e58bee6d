/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CONSOLE_H
#define LIFECYCLE_CONSOLE_H

#include "base/attr.h"
#include "lifecycle/script.h"

/*
 * What a deployment in the foreground tells the person who started it. Control characters of
 * components are made visible (visible.h), so that their output cannot steer the terminal.
 */

void console_say(const char *format, ...) printf_like(1, 2);
/* "NAME | LINE", to stdout or stderr as the component wrote it. */
void console_line(const char *name, enum script_stream stream, const char *line);

#endif
