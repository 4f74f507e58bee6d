/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEMPLATEVALUE_H
#define CLI_TEMPLATEVALUE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

/*
 * What the values of a template are to Go: true or false, and how they print.
 */

#define TEMPLATEVALUE_MAX (16 << 20) /* bytes of one printed value */

/* Go's notion: not null, false, 0 or empty. */
bool templatevalue_is_true(const struct json *value);

/* A number with a fraction or an exponent; the others are integers. */
bool templatevalue_is_float(const struct json *value);
/* "string", "int", "[]interface {}" … */
const char *templatevalue_type(const struct json *value);

/* As Go prints it: text as it is, "[a b]", "map[k:v]", "<nil>". */
void templatevalue_print(struct buf *out, const struct json *value);
/* The same of an argument of print, println and printf's %v, where what is behind a pointer is
 * "&{…}". */
void templatevalue_print_argument(struct buf *out, const struct json *value);
char *templatevalue_text(struct arena *arena, const struct json *value) must_check;

#endif
