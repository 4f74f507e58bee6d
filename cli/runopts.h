/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RUNOPTS_H
#define CLI_RUNOPTS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/netopts.h"
#include "cli/opt.h"
#include "engine/container.h"
#include "engine/create.h"

/*
 * The options of `docker run` and `docker create`: their table, and from what it was filled with to
 * what the engine wants.
 */
struct runopts {
	struct container container; /* what needs no further reading */
	const char *config;         /* no option: the directory of daemon.json */

	bool is_detached;        /* run only */
	bool is_one_off;         /* run only; ours: compose's words and exit code of a failure */
	bool is_without_proxy;   /* --sig-proxy=false; run only */
	const char *detach_keys; /* run only */
	bool is_quiet;
	struct texts attach;
	const char *entrypoint;        /* NULL: not given */
	struct texts entrypoint_words; /* that follow it: compose has lists */
	bool has_image_command;        /* in spite of an empty entrypoint: compose's */
	struct texts env, env_files, label_files;
	struct texts volumes, mounts, tmpfs;
	struct netopts net;
	struct texts log_opts;
	const char *cidfile, *pull, *platform;
	const char *gpus, *isolation, *runtime, *volume_driver;
	const char *health_cmd; /* NULL: not given */
	struct texts health_test;
	bool is_without_health;
	struct opt_number health_interval, health_timeout, health_start_period,
		health_start_interval, health_retries;
	struct texts storage_opts;
	struct opt_number blkio_weight, cpu_rt_period, cpu_rt_runtime, memory_swappiness;
	struct opt_number kernel_memory, memory, memory_swap, memory_reservation, cpus, cpu_shares,
		cpu_period, cpu_quota, pids_limit, shm_size, oom_score_adj, stop_timeout;
};

extern const struct opt runopts_run[];
extern const struct opt runopts_create[];

/* A container ready for create_container, in two steps, since docker's words and exit codes differ:
 * first what its client checks, then what its daemon does. `arguments` are the image and the
 * command. What is allocated lives in `arena`, but for the container's lists: container_done. */
must_check bool runopts_read(const struct runopts *values, const struct texts *arguments,
			     struct arena *arena, struct container *container, struct error *err);
must_check bool runopts_complete(const struct runopts *values, struct arena *arena,
				 struct container *container, struct mounts *mounts,
				 struct error *err);

enum runopts_stream {
	RUNOPTS_STDIN,
	RUNOPTS_STDOUT,
	RUNOPTS_STDERR
};
/* Which streams the client is to be connected to. */
bool runopts_attaches(const struct runopts *values, enum runopts_stream stream);

#endif
