/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONTAINER_H
#define ENGINE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/engine.h"

/*
 * A container as docker knows it: a name, an image, and everything that was asked for. Pure data,
 * saved at creation as options.json, changed by rename and update
 * (change.h) and never by running.
 *
 *     containers/ID/options.json   this; the container exists once the file is there
 *                   started        empty; there from the first start on; flocked by who waits
 *                                  for the end: see claim.h
 *                   exit.json      how it ended; written by the monitor, removed by the next start
 *                   restart        what the monitor is to do at the end: see policy.h
 *                   kept           empty; flocked by who restarts a --rm container
 *                   failure.json   why it could not be started
 *                   config.json    the OCI bundle, written at each start
 *                   network.json   addresses and ports while it runs: see endpoint.h
 *                   rootfs/        empty; mounted over in the monitor's mount namespace only
 *                   upper/ work/   what the container changed
 *                   image-N/       where the image of its mount N is mounted
 *                   hosts hostname resolv.conf
 *                   container.log
 *
 * The directory is flocked by whoever creates, starts or removes the container.
 */

#define CONTAINER_ID_LENGTH 64
#define CONTAINER_SHORT_ID  12

#define CONTAINER_OPTIONS   "options.json"
#define CONTAINER_STARTED   "started"
#define CONTAINER_EXIT      "exit.json"
#define CONTAINER_KEPT      "kept"
#define CONTAINER_FAILURE   "failure.json"
#define CONTAINER_RESTART   "restart"
#define CONTAINER_LOG       "container.log"
#define CONTAINER_CONFIG    "config.json"
#define CONTAINER_NETWORK   "network.json"

enum mount_kind {
	MOUNT_BIND,
	MOUNT_VOLUME,
	MOUNT_TMPFS,
	MOUNT_IMAGE
};

struct container_mount {
	enum mount_kind kind;
	const char *source;  /* an absolute path, a volume's name, or an image as it was typed;
				NULL for a tmpfs */
	const char *target;  /* an absolute path in the container, cleaned */
	const char *options; /* comma-separated, as typed: "ro,z", "size=1m"; "" if none */
	bool is_readonly;
	bool is_source_needed; /* --mount: a missing bind source is an error; -v makes it */
	bool is_long;          /* by --mount, not -v or --tmpfs */
	bool is_anonymous;     /* a volume without a name: goes with the container */
	bool is_inherited;     /* by --volumes-from */
	bool is_copied_up;     /* an empty volume gets what the image has there */
	bool is_flat;          /* mounts below the source stay away: bind-recursive=disabled */
	bool is_readonly_top;  /* read-only, but mounts below it are what they are */
	const char *subpath;   /* of a volume or an image, a part of it; NULL or "": all */
	const char *image_id;  /* of an image: "sha256:…" */

	/* For a volume that is yet to be made; not saved with the container. */
	struct texts volume_options, volume_labels; /* live where the other texts live */
};

/* One of the networks a container is to be in. */
struct container_network {
	const char *name;
	const char *ip, *ip6, *mac; /* "": chosen at each start */
	struct texts link_local;    /* further addresses, of the link alone; live there too */
	int64_t gw_priority;  /* of those that lead outward the highest has the default route */
	struct texts aliases; /* live where the container's texts live */
	struct texts links;   /* of a user network: "CONTAINER:ALIAS"; live there too */
	struct texts driver_options; /* "KEY=VALUE": endpointopt.h; live there too */
};

struct container {
	const char *id;
	const char *name;            /* without a slash */
	const char *image;           /* as typed */
	const char *image_id;        /* "sha256:…" */
	const char *created;         /* RFC 3339 */
	const struct digest *chains; /* the image's layers, lowest first */
	size_t layer_count;

	struct texts entrypoint; /* user's or image's; with `command` the argument vector */
	struct texts command;
	struct texts env;    /* user's, then image's; "KEY" alone: unset */
	struct texts labels; /* "key=value" */
	const char *user;
	const char *workdir;
	const char *hostname; /* "" until created; then never empty */
	const char *domainname;

	const char *network; /* the mode: "bridge", "host", "none", "container:ID", or the network's
				name */
	struct container_network *networks; /* sorted by name; none for host, none, container: */
	size_t network_count;
	struct texts publish; /* -p, as typed */
	bool publishes_all;   /* -P */
	struct texts links;   /* in the default network: "ID:NAME:ALIAS", see linktarget.h */
	const char *pid_mode, *ipc_mode, *uts_mode, *cgroupns_mode;
	struct texts extra_hosts; /* "NAME:IP" */
	struct texts dns, dns_search, dns_options;
	struct texts exposed_ports; /* "80/tcp" */

	struct container_mount *mounts; /* sorted by depth of target */
	struct texts volumes_from;      /* "CONTAINER[:ro]": their mounts are among these */
	struct texts volumes; /* where -v or the image wanted one without a source, whatever is
				 mounted there */
	size_t mount_count;
	struct texts devices; /* "SOURCE[:TARGET[:rwm]]" */

	struct texts cap_add, cap_drop;
	struct texts security; /* as typed */
	struct texts groups;   /* --group-add */
	struct texts sysctls;  /* "KEY=VALUE" */
	struct texts ulimits;  /* "nofile=100:200" */
	bool is_privileged;
	bool is_readonly;

	int64_t memory, memory_swap, memory_reservation; /* bytes; 0: not said, swap -1: no limit */
	int64_t nano_cpus, cpu_shares, cpu_period, cpu_quota;
	const char *cpuset_cpus, *cpuset_mems;
	int64_t cpu_rt_period, cpu_rt_runtime; /* microseconds */
	int64_t memory_swappiness;
	bool has_swappiness, has_no_oom_kill;
	int64_t blkio_weight; /* 10 to 1000; 0: not said */
	struct texts block_weights, block_read_bps, block_write_bps, block_read_iops,
		block_write_iops;  /* "/dev/sda:VALUE" */
	struct texts device_rules; /* "c 1:3 mr" */
	struct texts annotations;  /* "key=value" */
	int64_t pids_limit;        /* 0 or -1: none */
	int64_t shm_size;          /* 0: 64 MiB */
	int64_t oom_score_adj;
	const char *cgroup_parent;

	/* Health check, as docker has it: "NONE"; "CMD" and an argument vector; "CMD-SHELL" and a
	 * line. Empty: none. Nanoseconds; 0: the usual. */
	struct texts health_test;
	int64_t health_interval, health_timeout, health_start_period, health_start_interval;
	int64_t health_retries;

	const char *restart;      /* the policy: "", "no", "always", "on-failure:3" … */
	const char *log_driver;   /* "json-file", "none" …: see logging.h */
	struct texts log_options; /* "KEY=VALUE", sorted */
	int64_t log_max_size, log_max_files;
	const char *stop_signal;
	int64_t stop_timeout; /* seconds; -1: not said */
	bool is_removed_on_exit;
	bool has_left_none;   /* the network none, which it was made with: others can be joined */
	bool has_joined_none; /* after it had left all others */
	bool has_open_stdin;
	bool has_tty;
	int64_t console_rows, console_columns; /* of the terminal at first; 0: not known */
	bool has_init;                         /* our small init is pid 1 and runs the program */
	const char *userns_mode; /* "host", which means nothing here, or "": for inspect */
	bool is_attached;        /* created to run in the foreground: for inspect */
	bool is_for_64_bits;     /* as the image says; false, too: one of an older program's */
};

/* The argument vector, entrypoint and command. */
void container_argv(const struct container *container, struct texts *argv);

/* Its directory. ERROR_NOT_FOUND if it is not there (any more). */
must_check bool container_open(const struct engine *engine, const char *id, int *dir,
			       struct error *err);

/* options.json to and fro. Everything read lives in `arena`. A container that is not (or no
 * longer, or not yet) there: ERROR_NOT_FOUND. */
must_check bool container_read(const struct engine *engine, struct arena *arena, const char *id,
			       struct container *container, struct error *err);
must_check bool container_write(const struct container *container, int dir, struct error *err);

/* Makes CONTAINER_STARTED in the container's directory, or gives it the time of now. *is_new: it
 * was not there; it lasts once the directory was synced. */
must_check bool container_mark_started(int dir, bool *is_new, struct error *err);
void container_done(struct container *container); /* frees the lists */
/* Lists of its own; texts are shared, and those that are NULL become "". */
void container_copy(const struct container *from, struct container *to);

#endif
