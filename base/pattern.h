/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Strangers' regular expressions: POSIX's extended ones, of which regcomp and regexec may be asked
 * what cannot take all memory or all time.
 */

#define PATTERN_LENGTH_MAX 1024 /* bytes of an expression */
#define PATTERN_TEXT_MAX   256  /* and of a text: a longer one is not found */
#define PATTERN_REPEAT_MAX 1000 /* in {n,m}, as Go's regexp has it */
/* Characters, classes and the like once all repetitions are written out: `a{3}` is 3 of them, and
 * `a+` 2, as it is `aa*`. */
#define PATTERN_SIZE_MAX 1024

/* Is there a match for the expression anywhere in the text? ERROR_INPUT for what is no expression,
 * goes beyond these limits, or refers back to a group (`\1`). */
must_check bool pattern_search(const char *pattern, const char *text, bool *is_found,
			       struct error *err);

#endif
