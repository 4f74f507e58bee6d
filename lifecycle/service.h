/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SERVICE_H
#define LIFECYCLE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "lifecycle/steps.h"

/*
 * What the configuration says of one component, checked: /services/NAME without its
 * `configuration`. A deployment writes it there (plan), with all variables filled in; the
 * supervisor works by it. A running component keeps the one it was started with until it starts
 * again.
 */

struct service_step {
	const char *script; /* NULL: not defined */
	const char *log_name;
	const char *skip_if; /* NULL: never; else it is well-formed */
	int64_t timeout;     /* milliseconds; 0: none */
	bool is_privileged;
	bool is_for_rollback; /* bootstrap: again when a deployment is taken back */
	struct step_env env;
};

struct service_need {
	const char *name;
	bool is_soft;
};

/* systemResourceLimits; 0: no limit. */
struct service_limits {
	int64_t memory; /* bytes */
	double cpus;
};

struct service {
	struct arena arena;
	const struct json *tree; /* what was read */
	const char *name;
	const char *version;
	struct service_step steps[STEP_KINDS];
	struct step_env env;
	int64_t error_reset_time; /* milliseconds */
	struct service_need *needs;
	size_t need_count;
	const char *user; /* runWith.posixUser; NULL: the default */
	struct service_limits limits;
};

/* Reads a tree into a service of its own; service_free frees it. */
must_check bool service_read(struct service **service, const char *name, const struct json *tree,
			     struct error *err);
void service_free(struct service *service); /* NULL is fine */

/* Memory in kilobytes and cpus, as `systemResourceLimits` has them; NULL gives none. */
must_check bool service_parse_limits(struct service_limits *limits, const struct json *value,
				     struct error *err);

enum service_change {
	SERVICE_SAME,      /* or nothing that the running component would notice */
	SERVICE_RESTART,   /* a script or its environment is another, or it needs somebody else */
	SERVICE_REINSTALL, /* version, install or user */
};

/* What has to be done for `after` to take the place of `before`. */
enum service_change service_compare(const struct service *before, const struct service *after);

#endif
