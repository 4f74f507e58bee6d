/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/change.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/claim.h"
#include "engine/find.h"
#include "engine/happening.h"
#include "engine/names.h"
#include "engine/resolvconf.h"
#include "engine/status.h"

#define NEW_NAME "Error when allocating new name" /* docker's words */

/* With the lock held. */
static bool change_locked(struct engine *engine, const char *id,
			  void (*alter)(struct container *container, void *context), void *context,
			  struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct container container = { 0 };
	autoclose int dir = -1;

	if (!container_open(engine, id, &dir, err))
		return false;
	bool is_read = container_read(engine, &arena, id, &container, err);
	if (is_read)
		alter(&container, context);
	bool is_done = is_read && container_write(&container, dir, err);
	container_done(&container);
	return is_done;
}

bool change_container(struct engine *engine, const char *id,
		      void (*alter)(struct container *container, void *context), void *context,
		      struct error *err)
{
	autoclose int lock = -1;

	return file_lock_dir(engine->containers, "containers", FILE_LOCK_EXCLUSIVE, &lock, err) &&
	       change_locked(engine, id, alter, context, err);
}

static void set_name(struct container *container, void *context)
{
	container->name = context;
}

static bool read_name(const struct engine *engine, struct arena *arena, const char *id,
		      const char **name, struct error *err)
{
	struct container container = { 0 };
	bool is_read = container_read(engine, arena, id, &container, err);

	*name = container.name;
	container_done(&container);
	return is_read;
}

static void tell_of_rename(const struct engine *engine, struct arena *arena, const char *id,
			   const char *old)
{
	const char *const extra[] = { arena_printf(arena, "oldName=/%s", old), NULL };
	struct container container = { 0 };
	struct error ignored; /* gone in this moment */

	if (container_read(engine, arena, id, &container, &ignored))
		happening_container(engine, &container, "rename", extra);
	container_done(&container);
}

/* Its neighbours call it by the new name from now on. */
static bool tell_names(const struct engine *engine, const char *id, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct container container = { 0 };
	struct endpoints endpoints;

	if (!status_is_running(engine, id) || !endpoints_read(engine, &arena, id, &endpoints) ||
	    !resolvconf_has_names(&endpoints))
		return true;
	bool is_done = container_read(engine, &arena, id, &container, err) &&
		       names_change(engine, &container, &endpoints, err);
	container_done(&container);
	return is_done;
}

bool change_name(struct engine *engine, const char *id, const char *name, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autoclose int lock = -1;
	struct error ignored;
	const char *old;

	if (name[0] == '/')
		name++;
	if (!find_is_name(name))
		return error_set(err, ERROR_INPUT,
				 NEW_NAME ": Invalid container name (/%s), only "
					  "[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
				 name);
	if (!file_lock_dir(engine->containers, "containers", FILE_LOCK_EXCLUSIVE, &lock, err) ||
	    !read_name(engine, &arena, id, &old, err))
		return false;
	if (strcmp(old, name) == 0)
		return error_set(err, ERROR_INPUT,
				 "Renaming a container with the same name as its current name");
	/* Both names are its own for a moment; a crash then leaves one that claim_name knows. */
	if (!claim_name(engine, name, id, err))
		return error_in(err, NEW_NAME);
	if (!claim_sync_names(engine, err) ||
	    !change_locked(engine, id, set_name, (void *)(uintptr_t)name, err)) {
		if (!claim_drop_name(engine, name, id, &ignored))
			return false;
		return false;
	}
	if (!claim_drop_name(engine, old, id, err) || !claim_sync_names(engine, err))
		return false;
	tell_of_rename(engine, &arena, id, old);
	return tell_names(engine, id, err);
}
