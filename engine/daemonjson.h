/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DAEMONJSON_H
#define ENGINE_DAEMONJSON_H

#include "base/json.h"

/*
 * CONFIG/daemon.json: settings, with the members that dockerd's has and some of ours.
 */

/* The whole file; an empty object if there is none. It lives in `arena`. */
must_check bool daemonjson_read(const char *config, struct arena *arena, const struct json **root,
				struct error *err);

/* The same for who was not told where it is: below $MOORING_CONFIG, or /etc/mooring. One that may
 * not be read counts as none. It is read once, and stays as long as the process. */
must_check bool daemonjson_find(const struct json **root, struct error *err);

/* Refuses members by which dockerd would confine containers and we do not: not to be passed over in
 * silence. ERROR_UNSUPPORTED, with the remedy. And what it says of networks, if it is wrong. */
must_check bool daemonjson_check(const char *config, const struct json *root, struct error *err);

#endif
