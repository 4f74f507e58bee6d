/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attr.h"

/*
 * Diagnostics to stderr, one line each: "PROGRAM: TEXT". Libraries below cli, monitor and lifecycle
 * do not report: they return errors.
 */

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* The most detailed level that is printed; LOG_LEVEL_WARNING at the start. */
void log_set_level(enum log_level level);
void log_set_program(const char *name); /* kept by reference */
const char *log_program(void);

void log_error(const char *format, ...) printf_like(1, 2);
void log_warning(const char *format, ...) printf_like(1, 2);
void log_info(const char *format, ...) printf_like(1, 2);
void log_debug(const char *format, ...) printf_like(1, 2);

#endif
