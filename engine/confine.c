/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/confine.h"

#include <ctype.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include "base/caller.h"
#include "engine/customprofile.h"
#include "engine/profile.h"
#include "runtime/caps.h"

#define PROFILE_MAX     (4 << 20) /* bytes of a seccomp profile */

#define BIT(capability) (1ULL << (capability))

static const uint64_t default_capabilities =
	BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) |
	BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) | BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) |
	BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) |
	BIT(CAP_AUDIT_WRITE);

/* The capabilities this kernel knows, and of those the ones we have ourselves to give. */
static uint64_t available_capabilities(void)
{
	uint64_t bounding = 0;

	for (unsigned long i = 0; i <= CAP_CHECKPOINT_RESTORE; i++) {
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			bounding |= BIT(i);
	}
	return bounding;
}

/* "net_admin", "CAP_NET_ADMIN", "ALL": the bits; false if there is no such name. */
static bool find_capability(const char *text, uint64_t *bits)
{
	const char *bare = strncasecmp(text, "CAP_", 4) == 0 ? text + 4 : text;

	if (strcasecmp(bare, "ALL") == 0) {
		*bits = available_capabilities();
		return true;
	}
	for (size_t i = 0; caps_name(i); i++) {
		if (strcasecmp(caps_name(i) + 4, bare) == 0) {
			*bits = BIT(i);
			return true;
		}
	}
	return false;
}

static bool collect(const struct texts *names, const char *option, uint64_t *bits,
		    struct error *err)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];
		bool has_prefix = strncasecmp(name, "CAP_", 4) == 0;
		uint64_t more = 0;

		if (!find_capability(name, &more)) {
			error_set(err, ERROR_INPUT, "invalid %s: unknown capability: \"%s%s\"",
				  option, has_prefix ? "" : "CAP_", name);
			for (char *c = strchr(err->text, '"'); c && *c; c++)
				*c = (char)toupper((unsigned char)*c);
			return false;
		}
		*bits |= more;
	}
	return true;
}

static bool read_capabilities(const struct container *container, uint64_t *bits, struct error *err)
{
	uint64_t added = 0;
	uint64_t dropped = 0;

	if (!collect(&container->cap_add, "CapAdd", &added, err) ||
	    !collect(&container->cap_drop, "CapDrop", &dropped, err))
		return false;
	if (container->is_privileged)
		*bits = available_capabilities();
	else if (dropped == available_capabilities())
		*bits = added; /* ALL is dropped first, then what was asked for is added */
	else
		*bits = (default_capabilities | added) & ~dropped;
	return true;
}

/* "KEY=VALUE" or "KEY:VALUE": the value; NULL if the option is another one. */
static const char *value_of(const char *option, const char *key)
{
	size_t length = strlen(key);

	if (strncmp(option, key, length) != 0 || !strchr("=:", option[length]) || !option[length])
		return NULL;
	return option + length + 1;
}

static bool is_word(const char *profile)
{
	return strcmp(profile, "unconfined") == 0 || strcmp(profile, "builtin") == 0;
}

static bool read_file(struct arena *arena, const char *path, const struct json **profile,
		      struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, PROFILE_MAX);
	if (!caller_read(path, &text, err))
		return err->kind == ERROR_NOT_FOUND
			       ? error_set(err, ERROR_INPUT,
					   "opening seccomp profile (%s) failed: open %s: no such "
					   "file or directory",
					   path, path)
			       : error_in(err, "opening seccomp profile (%s) failed", path);
	return json_parse(arena, path, text.data ? text.data : "", text.length, profile, err);
}

bool confine_take_profiles(struct arena *arena, struct container *container, struct error *err)
{
	for (size_t i = 0; i < container->security.count; i++) {
		const char *option = container->security.items[i];
		const char *path = value_of(option, "seccomp");
		const struct json *profile;
		autobuf struct buf text;
		struct jsonout out;

		buf_init(&text, PROFILE_MAX);
		if (!strpbrk(option, "=:") && strcmp(option, "no-new-privileges") != 0)
			return error_set(err, ERROR_INPUT, "Invalid --security-opt: \"%s\"",
					 option);
		if (!path || is_word(path) || path[0] == '{')
			continue;
		if (!read_file(arena, path, &profile, err))
			return false;
		jsonout_init(&out, &text, false);
		jsonout_json(&out, NULL, profile);
		jsonout_done(&out);
		if (!buf_check(&text, path, err))
			return false;
		container->security.items[i] =
			arena_printf(arena, "seccomp=%.*s", (int)text.length, text.data);
	}
	return true;
}

/* A path is of a container that was made before profiles were kept. */
static bool read_profile(struct arena *arena, const char *value, const struct json **profile,
			 struct error *err)
{
	if (value[0] != '{')
		return read_file(arena, value, profile, err);
	return json_parse(arena, "seccomp profile", value, strlen(value), profile, err);
}

static bool read_security(struct arena *arena, const char *option, struct confinement *confinement,
			  struct error *err)
{
	const char *value;

	if (strcmp(option, "no-new-privileges") == 0) {
		confinement->has_no_new_privileges = true;
	} else if ((value = value_of(option, "no-new-privileges"))) {
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return error_set(err, ERROR_INPUT, "invalid --security-opt 2: \"%s\"",
					 option);
		confinement->has_no_new_privileges = strcmp(value, "true") == 0;
	} else if ((value = value_of(option, "seccomp"))) {
		confinement->is_seccomp_off = strcmp(value, "unconfined") == 0;
		if (!is_word(value))
			return read_profile(arena, value, &confinement->seccomp, err);
	} else if ((value = value_of(option, "apparmor"))) {
		confinement->apparmor = strcmp(value, "unconfined") == 0 ? NULL : value;
	} else if ((value = value_of(option, "systempaths"))) {
		if (strcmp(value, "unconfined") != 0)
			return error_set(err, ERROR_INPUT, "invalid --security-opt 2: \"%s\"",
					 option);
		confinement->has_open_paths = true;
	} else if (!value_of(option, "label") && strcmp(option, "label") != 0) {
		return error_set(err, ERROR_INPUT, "%s: \"%s\"",
				 strpbrk(option, "=:") ? "invalid --security-opt 2"
						       : "Invalid --security-opt",
				 option);
	}
	return true;
}

/* What of the user's profile holds for these capabilities, on this machine. */
static bool fit_profile(struct arena *arena, struct confinement *confinement, struct error *err)
{
	const struct json *profile = confinement->seccomp;

	return !profile || confinement->is_seccomp_off ||
	       customprofile_read(arena, profile, confinement->capabilities, &confinement->seccomp,
				  err);
}

bool confine_read(struct arena *arena, const struct container *container,
		  struct confinement *confinement, struct error *err)
{
	*confinement = (struct confinement){ .is_for_64_bits = container->is_for_64_bits,
					     .has_open_paths = container->is_privileged,
					     .is_seccomp_off = container->is_privileged };
	for (size_t i = 0; i < container->security.count; i++) {
		if (!read_security(arena, container->security.items[i], confinement, err))
			return false;
	}
	return read_capabilities(container, &confinement->capabilities, err) &&
	       fit_profile(arena, confinement, err);
}

static void write_set(struct jsonout *out, const char *key, uint64_t bits)
{
	jsonout_array(out, key);
	for (size_t i = 0; caps_name(i); i++) {
		if (bits & BIT(i))
			jsonout_text(out, NULL, caps_name(i));
	}
	jsonout_array_end(out);
}

void confine_write_capabilities(struct jsonout *out, const struct confinement *confinement,
				bool is_root)
{
	uint64_t now = is_root ? confinement->capabilities : 0;

	jsonout_object(out, "capabilities");
	write_set(out, "bounding", confinement->capabilities);
	write_set(out, "effective", now);
	write_set(out, "permitted", now);
	jsonout_object_end(out);
}

void confine_write_seccomp(struct jsonout *out, const struct confinement *confinement)
{
	if (confinement->is_seccomp_off)
		return;
	if (confinement->seccomp)
		jsonout_json(out, "seccomp", confinement->seccomp);
	else
		profile_write(out, confinement->capabilities, confinement->is_for_64_bits);
}
