/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HOSTFILES_H
#define ENGINE_HOSTFILES_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/container.h"

/*
 * /etc/hosts, /etc/hostname and /etc/resolv.conf as the container sees them: files in its
 * directory, written at each start, mounted over whatever the image has.
 */

/* `dir` is the container's directory. `address` is its own on the default network; NULL: none. */
must_check bool hostfiles_write(const struct container *container, int dir, const char *address,
				const char *gateway, struct error *err);

/* For --add-host, --dns: docker's words for what cannot be. */
bool hostfiles_check_host(const char *text, struct error *err);
bool hostfiles_check_address(const char *text, struct error *err);

#endif
