/* SPDX-License-Identifier: Apache-2.0 */
/* config.json, its filter compiled: whatever is accepted keeps what the rest of the runtime relies
 * on. */
#include "runtime/spec.h"

#include <assert.h>
#include <string.h>
#include <sys/mount.h>

#include "runtime/seccomp.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_process(const struct spec_process *process)
{
	assert(process->args[0] && process->cwd[0] == '/');
	for (size_t i = 0; i < process->env_count; i++)
		assert(strchr(process->env[i], '='));
	assert(!process->env[process->env_count]);
	assert(process->user.umask <= 0777);
	for (size_t i = 0; i < process->rlimit_count; i++)
		assert(process->rlimits[i].soft <= process->rlimits[i].hard);
}

static void check_mounts(const struct spec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *mount = &spec->mounts[i];

		assert(mount->destination[0] && mount->data);
		assert(mount->is_bind ? mount->source != NULL : mount->type[0] != '\0');
		assert((mount->flags & mount->cleared) == 0);
		assert((mount->uid_map_count > 0) == (mount->gid_map_count > 0));
	}
}

/* What becomes a path below a directory of ours must not leave it. */
static void check_names(const struct spec *spec)
{
	for (size_t i = 0; i < spec->sysctl_count; i++) {
		const char *name = spec->sysctls[i].name;

		assert(name[0] != '/' && !strstr(name, "//") && !strstr(name, "/../"));
	}
	for (size_t i = 0; i < spec->resources.unified_count; i++)
		assert(!strchr(spec->resources.unified[i].name, '/'));
	if (spec->rdt && spec->rdt->class_id)
		assert(strcmp(spec->rdt->class_id, "/") == 0 || !strchr(spec->rdt->class_id, '/'));
	for (size_t i = 0; i < spec->net_device_count; i++)
		assert(strlen(spec->net_devices[i].value) < 16);
	for (size_t i = 0; i < spec->masked_path_count; i++)
		assert(spec->masked_paths[i][0] == '/');
}

static void check_spec(const struct spec *spec)
{
	struct seccomp_filter filter = { 0 };
	struct error err;

	assert(strncmp(spec->version, "1.", 2) == 0 && spec->root_path[0]);
	assert(spec->namespaces[NAMESPACE_MOUNT].is_wanted);
	for (int kind = 0; kind < NAMESPACE_KINDS; kind++)
		assert(!spec->namespaces[kind].path || spec->namespaces[kind].path[0] == '/');
	for (int kind = 0; kind < HOOK_KINDS; kind++)
		for (size_t i = 0; i < spec->hooks[kind].count; i++)
			assert(spec->hooks[kind].hooks[i].args[0]);
	check_process(&spec->process);
	check_mounts(spec);
	check_names(spec);
	if (spec->seccomp && !seccomp_compile(spec->seccomp, &filter, &err))
		assert(!strchr(err.text, '\n'));
	seccomp_filter_done(&filter);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	autoarena struct arena arena = { 0 };
	struct spec spec;
	struct error err;

	if (spec_parse(&arena, (const char *)data, size, &spec, &err))
		check_spec(&spec);
	else
		assert(err.text[0] && !strchr(err.text, '\n'));
	return 0;
}
