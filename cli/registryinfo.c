/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/registryinfo.h"

#include <stdio.h>
#include <string.h>

#include "cli/insecure.h"
#include "registry/gather.h"

#define HUB "docker.io"

/* docker's words (daemon/info.go: maskCredentials). What is before the last @ may be a password
 * whose author forgot to encode its slashes: none of it is shown. */
static const char *hide_login(struct arena *arena, const char *url)
{
	const char *at = url ? strrchr(url, '@') : NULL;
	const char *scheme = url ? strstr(url, "://") : NULL;
	int length = scheme && scheme < at ? (int)(scheme - url) + 3 : 0;

	if (!at)
		return url ? url : "";
	return arena_printf(arena, "%.*sxxxxx:xxxxx%s", length, url, at);
}

/* Ends in one slash, as dockerd keeps it. */
static const char *mirror_of(struct arena *arena, const char *url)
{
	size_t length = strlen(url);

	while (length && url[length - 1] == '/')
		length--;
	return arena_printf(arena, "%.*s/", (int)length, url);
}

static bool read_places(const struct json *daemon, struct arena *arena, struct registryinfo *info,
			struct error *err)
{
	const char **mirrors, **insecure;
	size_t mirror_count, insecure_count;
	struct ipnet range;

	if (!json_text_array(arena, daemon, "registry-mirrors", &mirrors, &mirror_count, err) ||
	    !json_text_array(arena, daemon, "insecure-registries", &insecure, &insecure_count, err))
		return false;
	for (size_t i = 0; i < mirror_count; i++)
		texts_add_in(&info->mirrors, arena,
			     hide_login(arena, mirror_of(arena, mirrors[i])));
	for (size_t i = 0; i < insecure_count; i++) {
		const char *place;

		if (!insecure_read(insecure[i], &place, err))
			return error_in(err, "daemon.json");
		texts_add_in(ipnet_parse(&range, place) ? &info->insecure_ranges
							: &info->insecure_names,
			     arena, place);
	}
	texts_add_in(&info->insecure_ranges, arena, "::1/128");
	texts_add_in(&info->insecure_ranges, arena, "127.0.0.0/8");
	return true;
}

bool registryinfo_read(const struct json *daemon, struct arena *arena, struct registryinfo *info,
		       struct error *err)
{
	const struct json *given;
	struct gather_proxies proxies;

	*info = (struct registryinfo){ 0 };
	if (!json_object_or_null(daemon, "proxies", &given, err) ||
	    !gather_proxies(given, &proxies, err))
		return false;
	info->http_proxy = hide_login(arena, proxies.http);
	info->https_proxy = hide_login(arena, proxies.https);
	info->no_proxy = proxies.no_proxy ? proxies.no_proxy : "";
	return read_places(daemon, arena, info, err);
}

static void print_texts(const struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		printf("  %s\n", texts->items[i]);
}

void registryinfo_print_proxies(const struct registryinfo *info)
{
	if (*info->http_proxy)
		printf(" HTTP Proxy: %s\n", info->http_proxy);
	if (*info->https_proxy)
		printf(" HTTPS Proxy: %s\n", info->https_proxy);
	if (*info->no_proxy)
		printf(" No Proxy: %s\n", info->no_proxy);
}

void registryinfo_print_places(const struct registryinfo *info)
{
	printf(" Insecure Registries:\n");
	print_texts(&info->insecure_names);
	print_texts(&info->insecure_ranges);
	if (info->mirrors.count)
		printf(" Registry Mirrors:\n");
	print_texts(&info->mirrors);
}

static void add_index(const struct jsonmaker *indexes, const char *name,
		      const struct texts *mirrors)
{
	struct jsonmaker index = jsonmaker_nested(indexes, name, JSON_OBJECT);

	jsonmaker_texts(&index, "Mirrors", mirrors->items, mirrors->count, false);
	jsonmaker_text(&index, "Name", name);
	jsonmaker_bool(&index, "Official", strcmp(name, HUB) == 0);
	jsonmaker_bool(&index, "Secure", strcmp(name, HUB) == 0);
}

void registryinfo_add(const struct registryinfo *info, const struct jsonmaker *maker)
{
	static const struct texts none;

	jsonmaker_text(maker, "HttpProxy", info->http_proxy);
	jsonmaker_text(maker, "HttpsProxy", info->https_proxy);
	jsonmaker_text(maker, "NoProxy", info->no_proxy);

	struct jsonmaker config = jsonmaker_nested(maker, "RegistryConfig", JSON_OBJECT);

	jsonmaker_texts(&config, "InsecureRegistryCIDRs", info->insecure_ranges.items,
			info->insecure_ranges.count, false);

	struct jsonmaker indexes = jsonmaker_nested(&config, "IndexConfigs", JSON_OBJECT);

	for (size_t i = 0; i < info->insecure_names.count; i++)
		add_index(&indexes, info->insecure_names.items[i], &none);
	add_index(&indexes, HUB, &info->mirrors);
	jsonmaker_texts(&config, "Mirrors", info->mirrors.items, info->mirrors.count, false);
}
