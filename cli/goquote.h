/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_GOQUOTE_H
#define CLI_GOQUOTE_H

#include "base/mem.h"

/*
 * A text in double quotes as Go's strconv.Quote writes it: what is no letter, mark or sign of a
 * script becomes an escape, so that an image's words cannot steer the terminal or end their line.
 */
const char *goquote(struct arena *arena, const char *text);

#endif
