/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stale.h"

#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"

bool stale_remove(const struct engine *engine, const char *id, struct error *err)
{
	autofree char *state = mem_printf("%s/runc/%s", engine->run, id);
	autofree char *root = mem_printf("%s/runc", engine->run);
	autofree char *program = NULL;
	struct proc proc;
	int status;

	if (access(state, F_OK) != 0)
		return true;
	if (!proc_helper("mooring-runc", &program, err))
		return false;
	const char *const argv[] = { program, "--root", root, "delete", "--force", id, NULL };
	const struct proc_options options = { .argv = argv };
	if (!proc_spawn(&options, &proc, err) || !proc_wait(&proc, &status, err))
		return error_in(err, "remove what the container's monitor left");
	return proc_exit_code(status) == 0 ||
	       error_set(err, ERROR_SYSTEM, "mooring-runc delete --force %s failed", id);
}
