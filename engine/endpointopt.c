/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/endpointopt.h"

#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/word.h"
#include "engine/netsysctl.h"

#define PARTS     5 /* net.X.Y.IFNAME.KEY */
#define PART_MAX  64
#define VALUE_MAX 256

/* One of them, taken apart. */
struct setting {
	char parts[PARTS][PART_MAX];
	char value[VALUE_MAX];
};

/* The command line of docker makes small letters of IFNAME. */
static bool is_of_a_link(const struct setting *setting)
{
	static const char *const families[] = { "ipv4", "ipv6", "mpls", NULL };
	static const char *const kinds[] = { "conf", "neigh", NULL };
	static const char *const places[] = { "IFNAME", "ifname", NULL };

	return strcmp(setting->parts[0], "net") == 0 && word_is_in(setting->parts[1], families) &&
	       word_is_in(setting->parts[2], kinds) && word_is_in(setting->parts[3], places);
}

static bool is_key(const char *text)
{
	for (; *text; text++) {
		if (!islower((unsigned char)*text) && !isdigit((unsigned char)*text) &&
		    *text != '_')
			return false;
	}
	return true;
}

static bool take_apart(const char *pair, size_t length, struct setting *setting)
{
	const char *end = memchr(pair, '=', length);
	const char *at = pair;

	if (!end || (size_t)(pair + length - end - 1) >= VALUE_MAX)
		return false;
	snprintf(setting->value, VALUE_MAX, "%.*s", (int)(pair + length - end - 1), end + 1);
	for (size_t i = 0; i < PARTS; i++) {
		const char *stop = i + 1 < PARTS ? memchr(at, '.', (size_t)(end - at)) : end;

		if (!stop || stop == at || stop - at >= PART_MAX)
			return false;
		snprintf(setting->parts[i], PART_MAX, "%.*s", (int)(stop - at), at);
		at = stop + 1;
	}
	return is_of_a_link(setting) && is_key(setting->parts[PARTS - 1]);
}

/* *rest is the next of the list. */
static bool next(const char **rest, struct setting *setting, struct error *err)
{
	const char *pair = *rest;
	size_t length = strcspn(pair, ",");

	*rest = pair[length] ? pair + length + 1 : NULL;
	return take_apart(pair, length, setting) ||
	       error_set(
		       err, ERROR_INPUT,
		       "unrecognised network interface sysctl '%.*s'; represent "
		       "'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or "
		       "'mpls', 'Y' 'conf' or 'neigh'",
		       (int)length, pair);
}

static bool check_sysctls(const char *rest, struct error *err)
{
	struct setting setting;

	while (rest) {
		if (!next(&rest, &setting, err))
			return false;
	}
	return true;
}

/* The kernel's rules for names of links, and those that mean something else. */
static bool check_name(const char *name, struct error *err)
{
	static const char *const others[] = { ".", "..", "lo", "all", "default", NULL };

	if (!*name || strlen(name) >= IFNAMSIZ)
		return error_set(err, ERROR_INPUT,
				 "invalid interface name \"%s\": 1 to %d characters are possible",
				 name, IFNAMSIZ - 1);
	for (const char *c = name; *c; c++) {
		if (!isgraph((unsigned char)*c) || strchr("/:%", *c))
			return error_set(err, ERROR_INPUT,
					 "invalid interface name \"%s\": no blanks, '/', ':' or "
					 "'%%'",
					 name);
	}
	return !word_is_in(name, others) ||
	       error_set(err, ERROR_INPUT, "invalid interface name \"%s\": it is taken", name);
}

/* The value, if the pair has that key. */
static const char *value_of(const char *pair, const char *key)
{
	size_t length = strlen(key);

	return strncmp(pair, key, length) == 0 && pair[length] == '=' ? pair + length + 1 : NULL;
}

bool endpointopt_check(const char *pair, struct error *err)
{
	const char *equals = strchr(pair, '=');
	const char *name = value_of(pair, ENDPOINTOPT_IFNAME);
	const char *sysctls = value_of(pair, ENDPOINTOPT_SYSCTLS);

	if (!equals || equals == pair)
		return error_set(err, ERROR_INPUT,
				 "invalid key value pair format in driver options");
	return (!name || check_name(name, err)) && check_sysctls(sysctls, err);
}

const char *endpointopt_get(const struct texts *options, const char *key)
{
	const char *found = NULL;

	for (size_t i = 0; i < options->count; i++) {
		const char *value = value_of(options->items[i], key);

		found = value ? value : found;
	}
	return found;
}

bool endpointopt_set_sysctls(const char *sysctls, const char *link, struct error *err)
{
	struct setting setting;

	for (const char *rest = sysctls; rest;) {
		if (!next(&rest, &setting, err))
			return false;

		autofree char *file = mem_printf("%s/%s/%s/%s", setting.parts[1], setting.parts[2],
						 link, setting.parts[PARTS - 1]);

		if (!netsysctl_set(file, setting.value, err))
			return err->kind == ERROR_NOT_FOUND
				       ? error_set(err, ERROR_INPUT, "%s is not a sysctl of %s",
						   setting.parts[PARTS - 1], link)
				       : false;
	}
	return true;
}
