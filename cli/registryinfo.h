/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REGISTRYINFO_H
#define CLI_REGISTRYINFO_H

#include "base/texts.h"
#include "cli/jsonmaker.h"

/*
 * How registries are reached, as `docker info` tells it: proxies, mirrors, and registries that
 * nobody has to vouch for.
 */
struct registryinfo {
	const char *http_proxy, *https_proxy, *no_proxy; /* "" for none; without a login */
	struct texts mirrors;                            /* "https://HOST/" */
	struct texts insecure_names;                     /* "HOST[:PORT]" */
	struct texts insecure_ranges;                    /* "127.0.0.0/8" */
};

/* Out of the environment and of daemon.json. Everything lives in `arena` or in the tree. */
must_check bool registryinfo_read(const struct json *daemon, struct arena *arena,
				  struct registryinfo *info, struct error *err);

/* As the lines of text that docker shows between others: proxies; insecure registries and mirrors.
 */
void registryinfo_print_proxies(const struct registryinfo *info);
void registryinfo_print_places(const struct registryinfo *info);

/* As the members HttpProxy, HttpsProxy, NoProxy and RegistryConfig. */
void registryinfo_add(const struct registryinfo *info, const struct jsonmaker *maker);

#endif
