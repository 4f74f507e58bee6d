/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/found.h"

#include <errno.h>

#include "base/proc.h"
#include "runtime/kernel.h"

void found_init(struct found *found)
{
	*found = (struct found){ 0 };
	state_dir_init(&found->dir);
}

void found_done(struct found *found)
{
	state_done(&found->state);
	state_dir_close(&found->dir);
	arena_done(&found->arena);
}

bool found_load(struct found *found, const char *state_root, const char *id, struct error *err)
{
	return state_find(state_root, id, &found->dir, err) &&
	       state_load(&found->dir, &found->arena, &found->state, err);
}

bool found_load_locked(struct found *found, const char *state_root, const char *id,
		       struct error *err)
{
	return state_find(state_root, id, &found->dir, err) && state_lock(&found->dir, id, err) &&
	       state_load(&found->dir, &found->arena, &found->state, err);
}

enum container_status found_status(const struct found *found)
{
	return state_status(&found->dir, &found->state);
}

int found_open_init(const struct found *found)
{
	int pidfd = kernel_pidfd_open(found->state.pid);

	if (pidfd >= 0 && proc_is_alive(found->state.pid, found->state.start_time))
		return pidfd;
	mem_cleanup_close(&pidfd);
	errno = ESRCH;
	return -1;
}
