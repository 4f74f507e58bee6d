/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CGROUP_H
#define RUNTIME_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/spec.h"

/*
 * The container's control groups, through the file system below /sys/fs/cgroup: one directory per
 * v1 hierarchy, or the one of v2. A hybrid host, whose v2 tree lies at "unified", counts as v1; its
 * containers have a group there too, without limits.
 */

#define CGROUP_PLACES_MAX 24

struct cgroup_place {
	char *controllers; /* "memory", "cpu,cpuacct", "name=systemd"; "" is the v2 tree */
	char *path;        /* absolute, mostly below /sys/fs/cgroup */
	size_t top;        /* length of the hierarchy's mount point in it */
	int dir;           /* its descriptor while it is being set up; -1 */
	bool is_new;       /* made by this call chain: removed if something fails later */
};

/* With the systemd driver: the unit to which the groups belong. */
struct cgroup_unit {
	char *name;      /* "runc-ID.scope"; NULL: no unit, the groups are ours */
	char *slice;     /* the unit above it, "system.slice" */
	char *title;     /* for its description */
	bool is_user;    /* of the user's systemd, not of the machine's */
	bool is_started; /* by this container: to be stopped with it */
};

struct cgroup {
	struct cgroup_place places[CGROUP_PLACES_MAX];
	size_t count;
	bool is_unified; /* v2 */
	struct cgroup_unit unit;
};

struct cgroup_wish {
	const char *path; /* linux.cgroupsPath, or NULL */
	const char *id;   /* of the container */
	bool is_systemd;  /* the path is slice:prefix:name */
};

/* Where the container's groups shall be: an absolute path below every hierarchy, a relative one (or
 * none: the id) below our own group. Touches nothing. */
must_check bool cgroup_find(struct cgroup *cgroup, const struct cgroup_wish *wish,
			    struct error *err);
/* Makes the directories and opens them; a group that is in use or frozen is refused. On failure
 * cgroup_undo takes back what was made: call it once nothing of the container's runs any more. */
must_check bool cgroup_make(struct cgroup *cgroup, struct error *err);
/* The v2 group, in which a process can be born: the only one, or a hybrid host's; NULL: there is
 * none. */
const struct cgroup_place *cgroup_birthplace(const struct cgroup *cgroup);
/* cgroup_make of a hybrid host's birthplace, before the others. Where it cannot be made the
 * container goes without: no limit is at stake. */
must_check bool cgroup_make_birthplace(struct cgroup *cgroup, struct error *err);
/* Writes the limits and device rules. `is_user_namespaced`: device rules are not ours to set. */
must_check bool cgroup_limit(const struct cgroup *cgroup, const struct spec *spec,
			     struct error *err);
/* Writes limits to groups in use; what is not given stays as it is, and so do the device rules. On
 * failure the old values are set back. */
must_check bool cgroup_update(const struct cgroup *cgroup, const struct spec_resources *resources,
			      struct error *err);
/* Gives a v2 group to the container's user, if it may write to it: it has a cgroup namespace and a
 * writable mount of it. */
must_check bool cgroup_delegate(const struct cgroup *cgroup, const struct spec *spec,
				struct error *err);
/* Removes the directories this call chain made, or all of them; nothing may run in them. */
void cgroup_undo(struct cgroup *cgroup);
must_check bool cgroup_remove(const struct cgroup *cgroup, struct error *err);
/* Closes the directories and frees the texts. */
void cgroup_close(struct cgroup *cgroup);
void cgroup_done(struct cgroup *cgroup);

/* The descriptors of the files through which a lone thread moves itself in by writing "0"; without
 * that of the birthplace if it `is_born_there`. The caller closes them. */
must_check bool cgroup_doors(const struct cgroup *cgroup, bool is_born_there,
			     int fds[CGROUP_PLACES_MAX], size_t *count, struct error *err);
/* In init: goes in, and closes the doors. */
must_check bool cgroup_enter(const int *doors, size_t count, struct error *err);
/* Moves another process in, for when it cannot do so itself. Slow on v1: see cgroup.c. */
must_check bool cgroup_add(const struct cgroup *cgroup, pid_t pid, struct error *err);

/* The place that holds this controller, or NULL. */
const struct cgroup_place *cgroup_place(const struct cgroup *cgroup, const char *controller);

/* All processes, those of the groups inside included. cgroup_pids_done afterwards. */
struct cgroup_pids {
	pid_t *pids;
	size_t count, capacity;
};
must_check bool cgroup_list(const struct cgroup *cgroup, struct cgroup_pids *pids,
			    struct error *err);
void cgroup_pids_done(struct cgroup_pids *pids);
/* Signals every process inside; SIGKILL reaches those that fork meanwhile too, and the frozen. */
must_check bool cgroup_signal_all(const struct cgroup *cgroup, int signal, struct error *err);

/* Stops every process, and waits until all have. What was begun is undone on failure. */
must_check bool cgroup_freeze(const struct cgroup *cgroup, struct error *err);
must_check bool cgroup_thaw(const struct cgroup *cgroup, struct error *err);
/* As far as possible, with the groups inside: on v1 what is frozen cannot die of SIGKILL. */
void cgroup_release(const struct cgroup *cgroup);
bool cgroup_is_frozen(const struct cgroup *cgroup);
/* Frozen by itself or by a group above: who joins it waits. */
bool cgroup_is_stuck(const struct cgroup *cgroup);

/* How often the kernel's out-of-memory killer struck inside; false if nobody counts. */
bool cgroup_oom_kills(const struct cgroup *cgroup, uint64_t *count);
bool cgroup_is_oom_killed(const struct cgroup *cgroup);

#endif
