/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/jsonout.h"
#include "runtime/caps.h"
#include "runtime/seccomprule.h"
#include "runtime/spec.h"
#include "runtime/unitprop.h"
#include "runtime/verb.h"

/*
 * features: what of config.json this program knows, whatever the machine can do of it. The lists
 * are those by which config.json is read.
 */

#define OUTPUT_MAX 65536
#define NAMES_MAX  256

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All names up to the first NULL, as they come. */
static size_t collect(const char *(*name)(size_t i), const char *names[NAMES_MAX])
{
	size_t count = 0;

	while (count < NAMES_MAX && name(count)) {
		names[count] = name(count);
		count++;
	}
	return count;
}

static void write_list(struct jsonout *out, const char *key, const char *(*name)(size_t i))
{
	const char *names[NAMES_MAX];

	jsonout_texts(out, key, names, collect(name, names));
}

static void write_sorted(struct jsonout *out, const char *key, const char *(*name)(size_t i))
{
	const char *names[NAMES_MAX];
	size_t count = collect(name, names);

	qsort(names, count, sizeof(*names), compare);
	jsonout_texts(out, key, names, count);
}

/* An object of things that are there: a NULL ends their names. */
static void write_there(struct jsonout *out, const char *key, const char *const *names)
{
	jsonout_object(out, key);
	for (; *names; names++)
		jsonout_bool(out, *names, true);
	jsonout_object_end(out);
}

static void write_seccomp(struct jsonout *out)
{
	jsonout_object(out, "seccomp");
	jsonout_bool(out, "enabled", true);
	write_sorted(out, "actions", seccomp_action_name);
	write_sorted(out, "operators", seccomp_operator_name);
	write_sorted(out, "archs", seccomp_arch_name);
	write_sorted(out, "knownFlags", seccomp_flag_name);
	write_sorted(out, "supportedFlags", seccomp_supported_flag);
	jsonout_object_end(out);
}

static void write_linux(struct jsonout *out)
{
	static const char *const cgroup[] = { "v1", "v2", "systemd", "systemdUser", "rdma", NULL };
	static const char *const rdt[] = { "enabled", "schemata", "monitoring", NULL };
	static const char *const plain[] = { "enabled", NULL };

	jsonout_object(out, "linux");
	write_sorted(out, "namespaces", spec_namespace_name);
	write_list(out, "capabilities", caps_name);
	write_there(out, "cgroup", cgroup);
	write_seccomp(out);
	write_there(out, "apparmor", plain);
	write_there(out, "selinux", plain);
	write_there(out, "intelRdt", rdt);
	jsonout_object(out, "memoryPolicy");
	write_sorted(out, "modes", spec_memory_mode);
	write_sorted(out, "flags", spec_memory_flag);
	jsonout_object_end(out);
	jsonout_object(out, "mountExtensions");
	write_there(out, "idmap", plain);
	jsonout_object_end(out);
	jsonout_object_end(out);
}

static void write_features(struct jsonout *out)
{
	jsonout_object(out, NULL);
	jsonout_text(out, "ociVersionMin", "1.0.0");
	jsonout_text(out, "ociVersionMax", SPEC_VERSION);
	write_list(out, "hooks", spec_hook_name);
	write_sorted(out, "mountOptions", spec_mount_option);
	write_linux(out);
	jsonout_object(out, "annotations");
	jsonout_text(out, "org.opencontainers.runc.checkpoint.enabled", "false");
	jsonout_object_end(out);
	jsonout_array(out, "potentiallyUnsafeConfigAnnotations");
	jsonout_text(out, NULL, UNITPROP_ANNOTATION);
	jsonout_array_end(out);
	jsonout_object_end(out);
}

int verb_features(const struct globals *globals, int argc, char **argv, struct error *err)
{
	const struct flag flags[] = { { 0 } };
	autobuf struct buf text = { 0 };
	struct jsonout out;
	int next;

	(void)globals;
	if (!verb_parse(flags, argc, argv, &next, err))
		return VERB_MISUSED;
	buf_init(&text, OUTPUT_MAX);
	jsonout_init(&out, &text, true);
	write_features(&out);
	jsonout_done(&out);
	return verb_print(&text, err) ? 0 : -1;
}
