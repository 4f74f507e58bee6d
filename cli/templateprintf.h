/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEMPLATEPRINTF_H
#define CLI_TEMPLATEPRINTF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

/*
 * A template's function printf: Go's fmt, for the values that templates have. As there, a directive
 * that does not go with its value is no failure, but is told in what is printed: "%!d(string=x)".
 */
bool templateprintf(struct arena *arena, const struct json *const *args, size_t count,
		    const struct json **result, struct error *err);

#endif
