/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CREDHELPER_H
#define CLI_CREDHELPER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/dockerconfig.h"

/*
 * Credential helpers: the programs docker-credential-NAME on the PATH, which keep secrets for
 * docker. `server` is the key that dockerconfig_key makes.
 */

/* *is_found is false if the helper knows nothing of the server. */
must_check bool credhelper_get(struct arena *arena, const char *helper, const char *server,
			       struct dockerconfig_login *login, bool *is_found, struct error *err);
/* What a helper answers to "get". */
must_check bool credhelper_read(struct arena *arena, const char *helper, const char *answer,
				size_t length, struct dockerconfig_login *login, bool *is_found,
				struct error *err);
must_check bool credhelper_store(const char *helper, const char *server,
				 const struct dockerconfig_login *login, struct error *err);
must_check bool credhelper_erase(const char *helper, const char *server, struct error *err);

#endif
