/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DOCKERCONFIG_H
#define CLI_DOCKERCONFIG_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * Docker's config.json: what `docker login` writes and pulls read, and how its user wants lists to
 * look. `directory` is where it lives; NULL (no home) reads as empty.
 */

#define DOCKERCONFIG_HUB "https://index.docker.io/v1/" /* the Hub's key */

struct dockerconfig_login {
	const char *username, *password;
	const char *identity_token; /* NULL: none; then the password counts for nothing */
	const char *registry_token; /* a token for the registry itself; NULL: none */
};

/* The document; an empty object if there is none. */
must_check bool dockerconfig_read(struct arena *arena, const char *directory,
				  const struct json **root, struct error *err);

/* A text of the user's own choice: "psFormat", "detachKeys"; NULL: none. `given`, if it is one, is
 * what the command line says, and counts instead. A file that cannot be read is warned about. */
const char *dockerconfig_choice(struct arena *arena, const char *directory, const char *key,
				const char *given) must_check;

/* The `proxies` of its user for containers: HTTP_PROXY, http_proxy and their like, but for those
 * that `env` ("KEY=VALUE", or "KEY" for none) has already. Texts live in `arena`. */
void dockerconfig_add_proxies(struct arena *arena, const char *directory, struct texts *env);

/* What `auths` of a config.json-like document says about `place`: a registry's HOST[:PORT], or a
 * repository there, HOST/PATH, for which an entry of just that path, or of what is above it, counts
 * first (so podman keeps them). Such an entry counts for nothing else, unlike with docker.
 * *is_found tells whether it says anything. */
must_check bool dockerconfig_login(struct arena *arena, const struct json *root, const char *place,
				   struct dockerconfig_login *login, bool *is_found,
				   struct error *err);

/* The credential helper (the NAME of docker-credential-NAME) that is responsible for a host; NULL:
 * none. */
must_check bool dockerconfig_helper(const struct json *root, const char *host, const char **helper,
				    struct error *err);

/* Writes the host's entry, or (login NULL) removes all that mean it; all else in the file stays.
 * With a helper in charge the entry is written empty, as docker does. */
must_check bool dockerconfig_write(const char *directory, const char *host,
				   const struct dockerconfig_login *login, struct error *err);

/* Warns on stderr where DOCKER_AUTH_CONFIG is looked at before what is logged in and out. */
void dockerconfig_warn_environment(void);

/* "https://HOST:PORT/v2/" → "HOST:PORT"; the Hub in all its names → its key. */
const char *dockerconfig_key(struct arena *arena, const char *server) must_check;

#endif
