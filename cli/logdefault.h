/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOGDEFAULT_H
#define CLI_LOGDEFAULT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/texts.h"

/* "log-driver" and "log-opts" of daemon.json (daemonjson_read), as dockerd has them: the driver of
 * containers that name none ("json-file" if nothing is said), and options ("KEY=VALUE") of all
 * containers with that driver, which their own go before. Texts live in `arena`; the caller has
 * done with the list. */
must_check bool logdefault_read(const struct json *daemon, struct arena *arena, const char **driver,
				struct texts *options, struct error *err);

#endif
