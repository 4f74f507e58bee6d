/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "runtime/cgroupfile.h"

/*
 * The processes of a container's groups: listed, signalled, frozen.
 *
 * Killing all of them is a race with those that fork. v2 has one file for it. On v1 they are frozen
 * first, so that the list is complete and no pid on it can be used again, and thawed afterwards,
 * because what is frozen cannot die there.
 */

#define LIST_MAX    (4 << 20) /* bytes of a cgroup.procs */
#define DEPTH_MAX   64        /* groups inside groups; the kernel's paths end before that */
#define KILL_ROUNDS 100
#define FREEZE_MS   10000 /* a process freezes once it gets its turn on a busy machine */
#define KILL_MS     1000  /* to kill, freezing is a help and no condition */

static void nap(long milliseconds)
{
	const struct timespec pause = { .tv_sec = milliseconds / 1000,
					.tv_nsec = milliseconds % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/* Where processes are looked for: the hierarchy they are frozen in, if there is one. */
static const struct cgroup_place *place_of(const struct cgroup *cgroup)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "freezer");

	if (!place)
		place = cgroup_place(cgroup, "pids");
	if (!place && cgroup->count > 0)
		place = &cgroup->places[0];
	return place;
}

/* -- listing --------------------------------------------------------------------------------- */

static void add_pid(struct cgroup_pids *pids, pid_t pid)
{
	if (pids->count == pids->capacity) {
		pids->capacity = pids->capacity ? 2 * pids->capacity : 64;
		pids->pids = mem_resize(pids->pids, pids->capacity, sizeof(*pids->pids));
	}
	pids->pids[pids->count++] = pid;
}

/* A group that is gone has no processes. */
static bool list_group(const struct cgroup_place *place, struct cgroup_pids *pids,
		       struct error *err)
{
	autobuf struct buf text = { 0 };
	autoclose int fd = cgroup_open_file(place, "cgroup.procs", O_RDONLY);

	if (fd < 0)
		return errno == ENOENT || error_sys(err, "open cgroup.procs of %s", place->path);
	buf_init(&text, LIST_MAX);
	if (!file_read_fd(fd, "cgroup.procs", &text, err)) /* removed; of threads alone (v2) */
		return err->sys == ENODEV || err->sys == EOPNOTSUPP;

	char *rest = text.data;

	for (char *line; rest && (line = strsep(&rest, "\n")) != NULL;) {
		pid_t pid = (pid_t)strtol(line, NULL, 10);

		if (pid > 0) /* 0: of another pid namespace */
			add_pid(pids, pid);
	}
	return true;
}

/* Calls `visit` for the group and for those that the container made inside it. */
typedef bool visit_function(const struct cgroup_place *place, void *context, struct error *err);

static bool walk(const struct cgroup_place *place, visit_function *visit, void *context, int depth,
		 struct error *err)
{
	autodir DIR *dir = depth < DEPTH_MAX ? opendir(place->path) : NULL;

	if (!visit(place, context, err))
		return false;
	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;

		autofree char *path = mem_printf("%s/%s", place->path, entry->d_name);
		struct cgroup_place child = { .path = path, .dir = -1 };

		if (!walk(&child, visit, context, depth + 1, err))
			return false;
	}
	return true;
}

static bool visit_list(const struct cgroup_place *place, void *context, struct error *err)
{
	return list_group(place, context, err);
}

bool cgroup_list_place(const struct cgroup_place *place, struct cgroup_pids *pids,
		       struct error *err)
{
	return walk(place, visit_list, pids, 0, err);
}

bool cgroup_list(const struct cgroup *cgroup, struct cgroup_pids *pids, struct error *err)
{
	const struct cgroup_place *place = place_of(cgroup);

	return !place || cgroup_list_place(place, pids, err);
}

void cgroup_pids_done(struct cgroup_pids *pids)
{
	free(pids->pids);
	*pids = (struct cgroup_pids){ 0 };
}

/* -- freezing -------------------------------------------------------------------------------- */

/* A v1 group that is on its way is given a moment to arrive. */
static bool has_stopped(const struct cgroup_place *place)
{
	char state[64];

	for (int waited = 0; waited < 100; waited++) {
		if (!cgroup_read(place, "freezer.state", state, sizeof(state)) ||
		    strcmp(state, "THAWED") == 0)
			return false;
		if (strcmp(state, "FROZEN") == 0)
			break;
		nap(1);
	}
	return true;
}

bool cgroup_is_frozen(const struct cgroup *cgroup)
{
	const char *file = cgroup->is_unified ? "cgroup.freeze" : "freezer.self_freezing";
	const struct cgroup_place *place = cgroup_place(cgroup, "freezer");
	char own[8];

	if (!place || (!cgroup->is_unified && !has_stopped(place)))
		return false;
	if (cgroup_read(place, file, own, sizeof(own)))
		return own[0] == '1';
	return !cgroup->is_unified; /* a kernel without that file */
}

bool cgroup_is_stuck(const struct cgroup *cgroup)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "freezer");
	uint64_t frozen = 0;

	if (!place)
		return false;
	if (!cgroup->is_unified)
		return has_stopped(place);
	return cgroup_is_frozen(cgroup) ||
	       (cgroup_key(place, "cgroup.events", "frozen", &frozen) && frozen == 1);
}

static bool is_in_state(const struct cgroup_place *place, const char *wanted)
{
	char state[64];

	return cgroup_read(place, "freezer.state", state, sizeof(state)) &&
	       strcmp(state, wanted) == 0;
}

/* The kernel freezes what is in the group now; who joins or forks meanwhile leaves it FREEZING
 * until it is told again, and now and then only a thaw in between helps. */
static bool freeze_v1(const struct cgroup_place *place, int milliseconds, struct error *err)
{
	struct error ignored;
	int next_thaw = 50;

	for (int waited = 0; waited < milliseconds; waited++) {
		if (waited == next_thaw) {
			(void)!cgroup_write(place, "freezer.state", "THAWED", &ignored);
			nap(1);
			next_thaw *= 2;
		}
		for (int tries = 0; tries < 3; tries++) {
			if (!cgroup_write(place, "freezer.state", "FROZEN", err))
				return false;
			if (is_in_state(place, "FROZEN"))
				return true;
		}
		nap(1);
	}
	(void)!cgroup_write(place, "freezer.state", "THAWED", &ignored);
	return error_set(err, ERROR_SYSTEM,
			 "unable to freeze: cgroup %s stays in state FREEZING (is a process of it "
			 "in uninterruptible sleep?)",
			 place->path);
}

/* cgroup.freeze says what was asked for, cgroup.events whether it has come true. */
static bool freeze_v2(const struct cgroup_place *place, int milliseconds, struct error *err)
{
	struct error ignored;

	if (!cgroup_write(place, "cgroup.freeze", "1", err))
		return error_in(err, "freezer not supported");
	for (int waited = 0; waited < milliseconds; waited++) {
		uint64_t frozen = 1;

		if (!cgroup_key(place, "cgroup.events", "frozen", &frozen) || frozen == 1)
			return true;
		nap(1);
	}
	(void)!cgroup_write(place, "cgroup.freeze", "0", &ignored);
	return error_set(err, ERROR_SYSTEM, "timeout waiting for cgroup %s to freeze", place->path);
}

static bool freeze(const struct cgroup *cgroup, int milliseconds, struct error *err)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "freezer");

	if (!place)
		return error_set(err, ERROR_UNSUPPORTED,
				 "cannot toggle freezer: no freezer cgroup is mounted");
	return cgroup->is_unified ? freeze_v2(place, milliseconds, err)
				  : freeze_v1(place, milliseconds, err);
}

bool cgroup_freeze(const struct cgroup *cgroup, struct error *err)
{
	return freeze(cgroup, FREEZE_MS, err);
}

bool cgroup_thaw(const struct cgroup *cgroup, struct error *err)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "freezer");

	if (!place)
		return error_set(err, ERROR_UNSUPPORTED,
				 "cannot toggle freezer: no freezer cgroup is mounted");
	if (cgroup->is_unified)
		return cgroup_write(place, "cgroup.freeze", "0", err);
	return cgroup_write(place, "freezer.state", "THAWED", err);
}

static bool visit_thaw(const struct cgroup_place *place, void *context, struct error *err)
{
	struct error ignored;

	(void)context;
	(void)err;
	(void)!cgroup_write(place, "freezer.state", "THAWED", &ignored);
	return true;
}

void cgroup_release(const struct cgroup *cgroup)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "freezer");
	struct error ignored;

	if (place && cgroup->is_unified)
		(void)!cgroup_write(place, "cgroup.freeze", "0", &ignored);
	else if (place)
		(void)!walk(place, visit_thaw, NULL, 0, &ignored);
}

/* -- signalling ------------------------------------------------------------------------------ */

static bool signal_listed(const struct cgroup *cgroup, int signal, size_t *count, struct error *err)
{
	struct cgroup_pids pids = { 0 };
	bool is_good = cgroup_list(cgroup, &pids, err);

	for (size_t i = 0; is_good && i < pids.count; i++)
		if (kill(pids.pids[i], signal) < 0 && errno != ESRCH)
			is_good = error_sys(err, "signal process %d", pids.pids[i]);
	*count = pids.count;
	cgroup_pids_done(&pids);
	return is_good;
}

static bool kill_all(const struct cgroup *cgroup, struct error *err)
{
	const struct cgroup_place *place = place_of(cgroup);
	struct error ignored;
	size_t count = 1;

	if (!place || (cgroup->is_unified && cgroup_write(place, "cgroup.kill", "1", &ignored)))
		return true;
	/* If freezing does not work out, those that fork meanwhile are met in the next round. */
	for (int round = 0; count > 0 && round < KILL_ROUNDS; round++) {
		if (round > 0)
			nap(1);
		if (round == 0)
			(void)!freeze(cgroup, KILL_MS, &ignored);

		bool is_good = signal_listed(cgroup, SIGKILL, &count, err);

		if (round == 0)
			cgroup_release(cgroup);
		if (!is_good)
			return false;
	}
	return true;
}

bool cgroup_signal_all(const struct cgroup *cgroup, int signal, struct error *err)
{
	size_t count;

	return signal == SIGKILL ? kill_all(cgroup, err)
				 : signal_listed(cgroup, signal, &count, err);
}
