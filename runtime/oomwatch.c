/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/oomwatch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "runtime/cgroupfile.h"

static bool open_v1(struct oomwatch *watch, const struct cgroup_place *place, struct error *err)
{
	autoclose int control = cgroup_open_file(place, "memory.oom_control", O_RDONLY);
	autoclose int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	char text[32];

	if (control < 0 || event < 0)
		return error_sys(err, "watch memory.oom_control of cgroup %s", place->path);
	snprintf(text, sizeof(text), "%d %d", event, control);
	if (!cgroup_write(place, "cgroup.event_control", text, err))
		return false;
	watch->fd = take_fd(&event);
	return true;
}

static bool open_v2(struct oomwatch *watch, const struct cgroup_place *place, struct error *err)
{
	autofree char *file = mem_printf("%s/memory.events", place->path);
	autoclose int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (notify < 0 || inotify_add_watch(notify, file, IN_MODIFY) < 0)
		return error_sys(err, "watch memory.events of cgroup %s", place->path);
	(void)cgroup_oom_kills(watch->cgroup, &watch->known);
	watch->fd = take_fd(&notify);
	return true;
}

bool oomwatch_open(struct oomwatch *watch, const struct cgroup *cgroup, struct error *err)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "memory");
	uint64_t ignored;

	*watch = (struct oomwatch){ .fd = -1, .cgroup = cgroup };
	if (!place || (cgroup->is_unified && !cgroup_oom_kills(cgroup, &ignored)))
		return true; /* no memory controller */
	return cgroup->is_unified ? open_v2(watch, place, err) : open_v1(watch, place, err);
}

/* The removal of the group is announced in the same way, once. */
static bool take_v1(const struct oomwatch *watch)
{
	const struct cgroup_place *place = cgroup_place(watch->cgroup, "memory");
	uint64_t count;

	return read(watch->fd, &count, sizeof(count)) == (ssize_t)sizeof(count) &&
	       (count > 1 || access(place->path, F_OK) == 0);
}

/* The file changes for other reasons too, and the word may come late: the count decides. */
static bool take_v2(struct oomwatch *watch)
{
	char events[4096];
	uint64_t count = 0, known = watch->known;

	while (read(watch->fd, events, sizeof(events)) > 0)
		;
	if (cgroup_oom_kills(watch->cgroup, &count))
		watch->known = count;
	return watch->known > known;
}

bool oomwatch_take(struct oomwatch *watch)
{
	if (watch->fd < 0)
		return false;
	return watch->cgroup->is_unified ? take_v2(watch) : take_v1(watch);
}

void oomwatch_close(struct oomwatch *watch)
{
	mem_cleanup_close(&watch->fd);
	watch->fd = -1;
}
