/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include <stdbool.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/dockerconfig.h"

/*
 * Asks a registry whether it knows a login. mooring-fetch does the asking: it alone talks to the
 * network. *identity_token is what the registry's token server wants to see in place of the
 * password from now on, in `arena`; NULL: it has no such thing.
 */
must_check bool verify_login(const struct cli *cli, struct arena *arena, const char *domain,
			     const struct dockerconfig_login *login, const char **identity_token,
			     struct error *err);

#endif
