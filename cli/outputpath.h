/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUTPUTPATH_H
#define CLI_OUTPUTPATH_H

#include <stdbool.h>

#include "base/error.h"

/*
 * -o of save and export.
 */

/* Refuses, in docker's words, where no file can be written: before anything else is done. A pipe
 * will do, or a link to what will. By the caller's rights (base/caller.h). */
must_check bool outputpath_check(const char *path, struct error *err);

#endif
