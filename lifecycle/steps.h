/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STEPS_H
#define LIFECYCLE_STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"

/*
 * A recipe's Lifecycle: the scripts of a component, checked. Values that recipes may compute by
 * {configuration:…} stay text until the step is run.
 */

enum step_kind {
	STEP_BOOTSTRAP,
	STEP_INSTALL,
	STEP_STARTUP,
	STEP_RUN,
	STEP_SHUTDOWN,
	STEP_RECOVER,
	STEP_UNINSTALL,
	STEP_KINDS,
};

#define STEP_SCRIPT_MAX  65536
#define STEP_ENV_MAX     256     /* variables of one Setenv */
#define STEP_TIMEOUT_MAX 8640000 /* seconds: 100 days */

struct step_variable {
	const char *name;
	const char *value;
};

struct step_env {
	struct step_variable *variables;
	size_t count;
};

struct step {
	const char *script;    /* NULL: the step is not defined */
	const char *log_name;  /* "Run", or "Run.Script", as the recipe spells it */
	const char *skip_if;   /* NULL: never skipped */
	const char *timeout;   /* seconds as text; NULL: the step's default */
	const char *privilege; /* RequiresPrivilege as text; NULL: false */
	const char *rollback;  /* BootstrapOnRollback as text; NULL: false */
	struct step_env env;
};

struct steps {
	struct step kinds[STEP_KINDS];
	struct step_env env;        /* Lifecycle.Setenv */
	long long error_reset_time; /* seconds */
};

/* "install", as recipes in lower case have it. */
const char *step_name(enum step_kind kind);
/* Seconds; 0 is none. */
int step_default_timeout(enum step_kind kind);

/* Reads a Lifecycle object; NULL gives no steps. Everything lives in `arena` or the tree. */
must_check bool steps_parse(struct steps *steps, struct arena *arena, const struct json *lifecycle,
			    struct error *err);

/* Reads a Setenv object; NULL gives no variables. */
must_check bool steps_parse_env(struct step_env *env, struct arena *arena, const struct json *value,
				struct error *err);

/* Reads a scalar as text: 1.0 unquoted in YAML is a number, and "true" a boolean. */
must_check bool steps_scalar(const struct json *value, const char **text, struct error *err);

#endif
