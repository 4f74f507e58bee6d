/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SPEC_H
#define RUNTIME_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

/*
 * config.json (OCI runtime-spec 1.x, Linux) as one checked struct. Everything lives in the arena it
 * was parsed into. After spec_parse no code looks at the JSON again, except that the seccomp
 * section is handed whole to the filter compiler.
 */

#define SPEC_VERSION  "1.3.0" /* the newest whose fields are known */

#define SPEC_SIZE_MAX (8 << 20) /* bytes of config.json */
#define SPEC_LIST_MAX 16384     /* entries of any one list: mounts, env, args, devices … */

#define SPEC_UNSET    INT64_MIN /* a number the config does not mention */

struct spec_user {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t group_count;
	mode_t umask;
};

/* One bit per capability number. */
struct spec_capabilities {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct spec_rlimit {
	int resource;
	uint64_t soft, hard;
};

/* For sched_setattr(2), names as there. */
struct spec_scheduler {
	uint32_t policy, priority;
	int32_t nice;
	uint64_t flags, runtime, deadline, period;
};

/* Bits by number, as the kernel takes them: CPUs or memory nodes. */
struct spec_bits {
	unsigned long *words; /* NULL: the config does not say */
	size_t size;          /* bytes */
};

struct spec_process {
	const char **args; /* NULL-terminated, at least one */
	const char **env;  /* NULL-terminated, every entry NAME=VALUE */
	size_t env_count;
	const char *cwd; /* absolute */
	struct spec_user user;
	struct spec_capabilities capabilities;
	const char *unknown_capabilities; /* names of such, with blanks between; NULL: none */
	struct spec_rlimit *rlimits;
	size_t rlimit_count;
	int64_t oom_score_adj;                             /* or SPEC_UNSET */
	const char *apparmor_profile, *selinux_label;      /* NULL: none */
	const struct spec_scheduler *scheduler;            /* NULL: as the caller's */
	int64_t io_priority;                               /* for ioprio_set(2), or SPEC_UNSET */
	struct spec_bits affinity_initial, affinity_final; /* of exec: before, in the cgroup */
	unsigned short console_height, console_width;      /* 0: not said */
	bool has_terminal;
	bool has_no_new_privileges;
};

struct spec_id_map {
	uint32_t inside, outside, count;
};

struct spec_mount {
	const char *destination; /* absolute, inside the root */
	const char *type;
	const char *source;    /* NULL: none. A bind's relative source starts at the bundle */
	const char *data;      /* options for the file system, comma-separated; "" is none */
	unsigned long flags;   /* MS_* to set */
	unsigned long cleared; /* MS_* the config explicitly clears (a bind may not inherit them) */
	unsigned long propagation; /* MS_PRIVATE…, with MS_REC or not; 0: none named */
	uint64_t recursive_set, recursive_clear; /* MOUNT_ATTR_* for the whole tree */
	/* Both lists or none. Id-mapped without lists: as the container's user namespace. */
	struct spec_id_map *uid_maps, *gid_maps;
	size_t uid_map_count, gid_map_count;
	bool is_idmapped, is_idmap_recursive;
	bool has_copy_up; /* a tmpfs that begins with what it covers */
	bool is_bind;
	const struct json *place; /* for messages */
};

enum namespace_kind {
	NAMESPACE_USER,
	NAMESPACE_CGROUP,
	NAMESPACE_IPC,
	NAMESPACE_UTS,
	NAMESPACE_NETWORK,
	NAMESPACE_PID,
	NAMESPACE_MOUNT,
	NAMESPACE_TIME,
	NAMESPACE_KINDS,
};

struct spec_namespace {
	bool is_wanted;   /* named in the config: new, unless there is a path */
	const char *path; /* NULL: new */
};

struct spec_device {
	const char *path;
	mode_t type; /* S_IFCHR, S_IFBLK or S_IFIFO */
	unsigned int major, minor;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct spec_pair {
	const char *name, *value;
};

struct spec_device_rule {
	bool is_allowed;
	char type;            /* 'a', 'b' or 'c' */
	int64_t major, minor; /* -1: any */
	const char *access;   /* some of "rwm" */
};

/* One line of a per-device block I/O limit. */
struct spec_throttle {
	const char *what; /* "read_bps", "write_bps", "read_iops", "write_iops", "weight",
			     "leaf_weight" */
	int64_t major, minor;
	uint64_t rate;
};

struct spec_hugepage {
	const char *size; /* "2MB" */
	uint64_t limit;
};

struct spec_resources {
	bool is_given; /* the config has a resources section at all */
	struct spec_device_rule *device_rules;
	size_t device_rule_count;
	int64_t memory_limit, memory_reservation, memory_swap, memory_swappiness;
	bool is_oom_killer_disabled;
	bool is_memory_checked; /* a limit below what is in use is refused (v2) */
	int64_t cpu_shares, cpu_quota, cpu_period, cpu_burst, cpu_idle, cpu_rt_runtime,
		cpu_rt_period;
	const char *cpus, *mems; /* NULL: not said */
	int64_t pids_limit;
	int64_t block_weight, block_leaf_weight;
	struct spec_throttle *throttles;
	size_t throttle_count;
	struct spec_hugepage *hugepages;
	size_t hugepage_count;
	struct spec_pair *rdma; /* device, "DEVICE hca_handle=N hca_object=N" */
	size_t rdma_count;
	int64_t network_class;
	struct spec_pair *network_priorities; /* interface, priority */
	size_t network_priority_count;
	struct spec_pair *unified; /* cgroup v2 file, value */
	size_t unified_count;
};

struct spec_hook {
	const char *path;
	const char **args; /* NULL-terminated argv; never empty */
	const char **env;  /* NULL-terminated; NULL: not said */
	int64_t timeout;   /* seconds, or SPEC_UNSET */
};

enum hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_KINDS,
};

struct spec_hook_list {
	struct spec_hook *hooks;
	size_t count;
};

/* For set_mempolicy(2). */
struct spec_memory_policy {
	int mode; /* with its flags */
	struct spec_bits nodes;
};

/* Intel's resource director: a group of the resctrl file system. */
struct spec_rdt {
	const char *class_id;  /* NULL: a group of the container's own */
	const char *l3, *mb;   /* lines for `schemata`; NULL: none */
	const char **schemata; /* NULL-terminated: further lines */
	size_t schema_count;
	bool has_monitoring;
};

struct spec {
	const char *version;
	struct spec_process process;
	const char *root_path; /* as written: absolute or relative to the bundle */
	bool is_root_readonly;
	unsigned long root_propagation;    /* MS_* with or without MS_REC; 0: not said */
	const char *hostname, *domainname; /* NULL: unchanged */
	struct spec_mount *mounts;
	size_t mount_count;
	struct spec_hook_list hooks[HOOK_KINDS];
	const struct json *raw_hooks;   /* the hooks section, or NULL: kept in the state */
	const struct json *annotations; /* object of texts, or NULL */
	struct spec_namespace namespaces[NAMESPACE_KINDS];
	struct spec_id_map *uid_maps, *gid_maps;
	size_t uid_map_count, gid_map_count;
	struct spec_pair *time_offsets; /* clock, "SECONDS NANOSECONDS" */
	size_t time_offset_count;
	struct spec_pair *sysctls; /* name as a path below /proc/sys, value */
	size_t sysctl_count;
	struct spec_device *devices;
	size_t device_count;
	const char **masked_paths, **readonly_paths; /* NULL-terminated */
	size_t masked_path_count, readonly_path_count;
	const char *cgroups_path; /* NULL: not said */
	struct spec_resources resources;
	unsigned long personality; /* for personality(2); not the caller's */
	const char *mount_label;   /* SELinux, for file systems that are made; NULL: none */
	const struct spec_memory_policy *memory_policy; /* NULL: as the caller's */
	const struct spec_rdt *rdt;                     /* NULL: none */
	struct spec_pair *net_devices; /* name on the host, name inside (may hold one "%d") */
	size_t net_device_count;
	const struct json *seccomp; /* linux.seccomp, or NULL */
};

/* Reads and checks a config.json. `text` is initialised here and holds the file, also after a
 * failure. */
must_check bool spec_load(struct arena *arena, int dir, const char *name, struct buf *text,
			  struct spec *spec, struct error *err);
/* "RLIMIT_NOFILE". */
const char *spec_rlimit_name(int resource);
/* The same from text. Every mistake is one line that names its JSON path. */
must_check bool spec_parse(struct arena *arena, const char *text, size_t length, struct spec *spec,
			   struct error *err);
/* Names that the parser knows, for `features`: the i-th, or NULL after the last. */
const char *spec_hook_name(size_t i);
const char *spec_namespace_name(size_t i);
const char *spec_mount_option(size_t i);
const char *spec_memory_mode(size_t i);
const char *spec_memory_flag(size_t i);

/* Whether the container's program may mount, from its start and without a program of the image that
 * gives it rights: CAP_SYS_ADMIN is in its effective set (capabilities(7), Transformation of
 * capabilities during execve), and neither a filter nor a profile nor a label holds it back. */
must_check bool spec_may_mount(const struct spec *spec);

/* A process object alone, as `exec --process` has it. */
must_check bool spec_parse_process(struct arena *arena, const char *text, size_t length,
				   struct spec_process *process, struct error *err);

/* Reads a linux.resources object alone, `name` in messages. Texts live in the arena. */
must_check bool spec_parse_resources(struct arena *arena, const char *name, const char *text,
				     size_t length, struct spec_resources *resources,
				     struct error *err);

#endif
