/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_CONFIG_H
#define IMAGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/mem.h"

/*
 * An image's configuration (image-spec, config.md, with docker's extensions), read once into plain
 * fields. Absent and null are the same; vectors are NULL-terminated and never NULL; texts are NULL
 * where nothing was said.
 */

/* Durations in nanoseconds, 0 where nothing was said. */
struct image_healthcheck {
	const char *const *test; /* {"NONE"}, {"CMD", …}, {"CMD-SHELL", "…"}; empty: none given */
	size_t test_count;
	int64_t interval, timeout, start_period, start_interval;
	int64_t retries;
};

struct image_label {
	const char *key;
	const char *value;
};

struct image_config {
	const char *os, *architecture, *variant; /* "" where nothing was said */
	const char *created;                     /* as it stands: RFC 3339; "" if missing */
	const char *const *env;                  /* "KEY=value" */
	size_t env_count;
	const char *const *entrypoint;
	size_t entrypoint_count;
	const char *const *cmd;
	size_t cmd_count;
	const char *user;                 /* "" if none */
	const char *working_dir;          /* "" if none */
	const char *stop_signal;          /* NULL if none */
	int64_t stop_timeout;             /* seconds, -1 if none */
	const char *const *exposed_ports; /* "80/tcp" */
	size_t exposed_port_count;
	const char *const *volumes; /* paths inside */
	size_t volume_count;
	const struct image_label *labels;
	size_t label_count;
	const char *const *on_build; /* instructions for builds on top of it */
	size_t on_build_count;
	struct image_healthcheck healthcheck;
};

/* `root` is the whole document ("architecture", "config", …). Everything lives in `arena` or in the
 * tree. */
must_check bool image_config_parse(struct arena *arena, const struct json *root,
				   struct image_config *config, struct error *err);

/* Writes what image_config_parse reads, as members of the object that is open. */
void image_config_write(struct jsonout *out, const struct image_config *config);

/* rootfs.diff_ids; fails on anything but well-formed digests, at most LIMIT_LAYERS of them. */
must_check bool image_config_diff_ids(struct arena *arena, const struct json *root,
				      struct digest **diff_ids, size_t *count, struct error *err);

/* RFC 3339 as seconds since 1970 and nanoseconds; false (and 0) if it is none. */
bool image_time_parse(const char *text, int64_t *seconds, long *nanoseconds);

#endif
