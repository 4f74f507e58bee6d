/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PORTS_H
#define CLI_PORTS_H

#include <stdbool.h>

#include "base/error.h"

/* For the `check` of -p: [IP:][HOST]:CONTAINER[/PROTOCOL], ports and ranges; docker's words. */
bool ports_check(const char *text, struct error *err);

#endif
