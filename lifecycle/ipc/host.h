/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_HOST_H
#define LIFECYCLE_IPC_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

/*
 * What the IPC server asks of the nucleus. The server knows frames, operations, policies and
 * subscriptions; the nucleus knows components, configuration and deployments. It fills one struct
 * ipc_host, hands it to ipc_server_open (server.h), and tells the server there what has changed
 * (ipc_configuration_changed and its neighbours).
 *
 * Every function is called from the loop's thread, returns at once (work that takes time is begun,
 * not awaited) and may itself call back into server.h. `context` comes first. Names and texts that
 * are handed over live for the call; results live in the `arena` that the call was given.
 *
 * A failure's kind becomes the modelled error, where the operation has it (else ServiceError), and
 * its text is what the client reads:
 *
 *     ERROR_NOT_FOUND  ResourceNotFoundError, ComponentNotFoundError
 *     ERROR_INPUT      InvalidArgumentsError
 *     ERROR_DENIED     UnauthorizedError
 *     ERROR_EXISTS     ConflictError; for configuration_update FailedUpdateConditionCheckError
 *     any other        ServiceError
 */

/* States as Greengrass reports them. */
enum ipc_state {
	IPC_STATE_NEW,
	IPC_STATE_INSTALLED,
	IPC_STATE_STARTING,
	IPC_STATE_RUNNING,
	IPC_STATE_STOPPING,
	IPC_STATE_ERRORED,
	IPC_STATE_BROKEN,
	IPC_STATE_FINISHED,
};

struct ipc_component {
	const char *name;
	const char *version;
	enum ipc_state state;
};

enum ipc_action {
	IPC_ACTION_RESTART, /* begun; a component that restarts itself still reads the answer */
	IPC_ACTION_STOP,    /* the same; it stays stopped until it is started or deployed anew */
	IPC_ACTION_PAUSE,   /* freezes its processes, its containers' included; done on return */
	IPC_ACTION_RESUME,
};

/* -- local deployments -------------------------------------------------------------------------
 */

/* One component's part of a local deployment; an absent text is NULL. */
struct ipc_change {
	const char *name;
	const char *version;      /* to be added as a root in this version; NULL: not named */
	const struct json *merge; /* an object, or NULL */
	const char *const *reset; /* JSON pointers; "" is the whole configuration */
	size_t reset_count;
	const char *posix_user;  /* "user" or "user:group"; NULL: not said */
	int64_t memory_kilobyte; /* 0: not said */
	const char *cpus;        /* a decimal number as it was written; NULL: not said */
};

struct ipc_deployment_request {
	const char *group; /* without ':'; NULL: the group of local deployments */
	const struct ipc_change *changes;
	size_t change_count;
	const char *const *remove; /* roots to be taken away */
	size_t remove_count;
	const char *recipe_directory; /* an absolute directory that exists; NULL: none */
	const char *artifact_directory;
	bool does_rollback; /* ROLLBACK, which is the default; else DO_NOTHING */
};

enum ipc_deployment_status {
	IPC_DEPLOYMENT_QUEUED,
	IPC_DEPLOYMENT_IN_PROGRESS,
	IPC_DEPLOYMENT_SUCCEEDED,
	IPC_DEPLOYMENT_FAILED,
	IPC_DEPLOYMENT_CANCELED,
};

struct ipc_deployment {
	const char *id;
	enum ipc_deployment_status status;
	int64_t created; /* milliseconds since the epoch */
	/* "SUCCESSFUL", "FAILED_NO_STATE_CHANGE", "FAILED_ROLLBACK_NOT_REQUESTED",
	 * "FAILED_ROLLBACK_COMPLETE", "REJECTED"; NULL while it is not over. */
	const char *detail;
	const char *const *error_stack;
	size_t error_stack_count;
	const char *const *error_types;
	size_t error_type_count;
	const char *failure; /* NULL: none */
	const char *const *warnings;
	size_t warning_count;
};

/* -- the functions -----------------------------------------------------------------------------
 */

struct ipc_host {
	void *context;

	/* The device's thing name; NULL where it has none. Policies use it. */
	const char *(*thing_name)(void *context);

	/* Fills in the recipe variables of a text as for the component's scripts, whatever
	 * interpolateComponentConfiguration says; unknown ones stay as they are. */
	const char *(*interpolate)(void *context, const char *component, const char *text,
				   struct arena *arena);

	/* The value at `path` (keys from the root of the component's `configuration`; letters of
	 * any case; none: the whole tree) as a tree of its own: *value has no parent. Keys keep
	 * their spelling. A leaf that holds null is JSON_NULL. ERROR_NOT_FOUND: no such component,
	 * or no such key. */
	bool (*configuration_get)(void *context, const char *component, const char *const *path,
				  size_t count, struct arena *arena, const struct json **value,
				  struct error *err);

	/* Merges `value` into the configuration at `path`, whose missing parents are made: objects
	 * recursively, lists and leaves replaced. `timestamp` in milliseconds since the epoch; 0
	 * is now. Each leaf is written if the stored one is not newer. If one is newer nothing is
	 * written: ERROR_EXISTS. It is durable when the call returns; ipc_configuration_changed
	 * follows, from inside the call or after it. */
	bool (*configuration_update)(void *context, const char *component, const char *const *path,
				     size_t count, const struct json *value, int64_t timestamp,
				     struct error *err);

	/* All components of the device, in the order of their names. */
	bool (*component_list)(void *context, struct arena *arena, struct ipc_component **list,
			       size_t *count, struct error *err);

	/* ERROR_NOT_FOUND: not deployed. */
	bool (*component_find)(void *context, const char *component, struct arena *arena,
			       struct ipc_component *found, struct error *err);

	/* The component says so of itself: only IPC_STATE_RUNNING and IPC_STATE_ERRORED come. A
	 * move that is not allowed is logged by the nucleus, and succeeds. */
	bool (*component_report)(void *context, const char *component, enum ipc_state state,
				 struct error *err);

	/* ERROR_NOT_FOUND: not deployed. Pausing what does not run, or resuming what is not
	 * paused: ERROR_UNSUPPORTED. */
	bool (*component_act)(void *context, const char *component, enum ipc_action action,
			      struct error *err);

	/* The answer to ipc_pre_update: go ahead (`milliseconds` 0), or ask this component again
	 * after that time. ERROR_INPUT: no such deployment; ERROR_UNSUPPORTED: too late. */
	bool (*defer_update)(void *context, const char *component, const char *deployment,
			     int64_t milliseconds, const char *message, struct error *err);

	/* The answer to ipc_validate. `message` may be NULL. ERROR_INPUT: no such deployment waits
	 * for this component. */
	bool (*validity_report)(void *context, const char *component, const char *deployment,
				bool is_accepted, const char *message, struct error *err);

	/* Queues a deployment, durably; *id is its UUID. */
	bool (*deployment_create)(void *context, const struct ipc_deployment_request *request,
				  struct arena *arena, const char **id, struct error *err);

	/* Newest first. */
	bool (*deployment_list)(void *context, struct arena *arena, struct ipc_deployment **list,
				size_t *count, struct error *err);

	/* ERROR_NOT_FOUND. */
	bool (*deployment_find)(void *context, const char *id, struct arena *arena,
				struct ipc_deployment *found, struct error *err);

	/* ERROR_NOT_FOUND; ERROR_INPUT: it is over, or too far. */
	bool (*deployment_cancel)(void *context, const char *id, struct error *err);
};

#endif
