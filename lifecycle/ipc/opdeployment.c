/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"

/* -- CreateLocalDeployment ----------------------------------------------------------------------
 */

#define CHANGES_MAX 1024

struct reading {
	struct call *call;
	struct ipc_change *changes;
	size_t count;
};

static struct ipc_change *change_of(struct reading *reading, const char *name)
{
	for (size_t i = 0; i < reading->count; i++)
		if (strcmp(reading->changes[i].name, name) == 0)
			return &reading->changes[i];
	if (reading->count == CHANGES_MAX)
		return NULL;
	reading->changes[reading->count].name = name;
	return &reading->changes[reading->count++];
}

static bool read_versions(struct reading *reading, const struct json *versions, struct error *err)
{
	for (const struct json *version = versions ? versions->child : NULL; version;
	     version = version->next) {
		struct ipc_change *change = change_of(reading, version->key);

		if (!change)
			return json_wrong(version, err, "too many components");
		if (!json_as_text(version, &change->version, err))
			return false;
	}
	return true;
}

/* {MERGE: {…}, RESET: ["/pointer"]}; also in lower case, and as a text that holds JSON. */
static bool read_configuration(struct reading *reading, const struct json *update,
			       struct error *err)
{
	struct arena *arena = &reading->call->arena;
	struct ipc_change *change = change_of(reading, update->key);
	const struct json *reset;
	size_t count = 0;

	if (!change)
		return json_wrong(update, err, "too many components");
	if (update->type == JSON_TEXT &&
	    !json_parse_at_most(arena, "componentToConfiguration", update->text,
				strlen(update->text), OPERATION_VALUES_MAX, &update, err))
		return false;
	if (update->type != JSON_OBJECT)
		return json_expected(update, "an object", err);
	change->merge = json_get_fold(update, "MERGE");
	if (change->merge && change->merge->type != JSON_OBJECT)
		return json_expected(change->merge, "an object", err);
	reset = json_get_fold(update, "RESET");
	if (!reset)
		return true;
	if (reset->type != JSON_ARRAY)
		return json_expected(reset, "an array", err);

	const char **pointers = arena_array(arena, reset->count, sizeof(*pointers));

	for (const struct json *item = reset->child; item; item = item->next)
		if (!json_as_text(item, &pointers[count++], err))
			return false;
	change->reset = pointers;
	change->reset_count = count;
	return true;
}

static bool read_run_with(struct reading *reading, const struct json *info, struct error *err)
{
	struct ipc_change *change = change_of(reading, info->key);
	const struct json *limits, *cpus;

	if (!change)
		return json_wrong(info, err, "too many components");
	if (!json_text_or(info, "posixUser", NULL, &change->posix_user, err) ||
	    !json_object_or_null(info, "systemResourceLimits", &limits, err) ||
	    !json_int_or(limits, "memory", 0, &change->memory_kilobyte, err))
		return false;
	if (change->memory_kilobyte < 0)
		return error_set(err, ERROR_INPUT, "systemResourceLimits.memory is negative");
	cpus = json_get(limits, "cpus");
	if (cpus && cpus->type != JSON_NUMBER)
		return json_expected(cpus, "a number", err);
	change->cpus = cpus ? cpus->text : NULL;
	return true;
}

static bool read_each(struct reading *reading, const char *key,
		      bool (*read)(struct reading *reading, const struct json *value,
				   struct error *err),
		      struct error *err)
{
	const struct json *members;

	if (!json_object_or_null(reading->call->request, key, &members, err))
		return false;
	for (const struct json *member = members ? members->child : NULL; member;
	     member = member->next)
		if (!read(reading, member, err))
			return false;
	return true;
}

static bool read_directory(struct call *call, const char *key, enum error_shape shape,
			   const char **directory, struct error *err)
{
	struct stat status;

	if (!json_text_or(call->request, key, NULL, directory, err))
		return false;
	if (!*directory || !**directory) {
		*directory = NULL;
		return true;
	}
	call->shape = shape;
	if (**directory != '/')
		return error_set(err, ERROR_INPUT, "%s must be an absolute path, not \"%s\"", key,
				 *directory);
	if (stat(*directory, &status) < 0)
		return error_sys(err, "%s %s", key, *directory);
	if (!S_ISDIR(status.st_mode))
		return error_set(err, ERROR_INPUT, "%s %s is no directory", key, *directory);
	call->shape = SHAPE_SERVICE;
	return true;
}

static bool read_plain(struct call *call, struct ipc_deployment_request *request, struct error *err)
{
	const char *policy, **remove;

	if (!json_text_or(call->request, "groupName", NULL, &request->group, err) ||
	    !json_text_or(call->request, "failureHandlingPolicy", "ROLLBACK", &policy, err) ||
	    !json_text_array(&call->arena, call->request, "rootComponentsToRemove", &remove,
			     &request->remove_count, err))
		return false;
	request->remove = remove;
	if (request->group && strchr(request->group, ':'))
		return error_set(err, ERROR_INPUT, "groupName must not contain ':'");
	if (request->group && !*request->group)
		request->group = NULL;
	request->does_rollback = strcmp(policy, "ROLLBACK") == 0;
	if (!request->does_rollback && strcmp(policy, "DO_NOTHING") != 0)
		return error_set(err, ERROR_INPUT,
				 "failureHandlingPolicy must be ROLLBACK or DO_NOTHING, not \"%s\"",
				 policy);
	return read_directory(call, "recipeDirectoryPath", SHAPE_INVALID_RECIPE_DIRECTORY,
			      &request->recipe_directory, err) &&
	       read_directory(call, "artifactsDirectoryPath", SHAPE_INVALID_ARTIFACT_DIRECTORY,
			      &request->artifact_directory, err);
}

static bool create(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	struct reading reading = { .call = call };
	struct ipc_deployment_request request = { 0 };
	const struct json *versions;
	const char *id;

	reading.changes = arena_array(&call->arena, CHANGES_MAX, sizeof(*reading.changes));
	if (!call_authorize(call, "*", err) || !read_plain(call, &request, err) ||
	    !json_object_or_null(call->request, "rootComponentVersionsToAdd", &versions, err) ||
	    !read_versions(&reading, versions, err) ||
	    !read_each(&reading, "componentToConfiguration", read_configuration, err) ||
	    !read_each(&reading, "componentToRunWithInfo", read_run_with, err))
		return false;
	request.changes = reading.changes;
	request.change_count = reading.count;
	if (!host->deployment_create(host->context, &request, &call->arena, &id, err))
		return false;
	jsonout_text(answer, "deploymentId", id);
	return true;
}

/* -- looking at them ----------------------------------------------------------------------------
 */

/* As the CLI plugin of the Java nucleus writes it. */
static const char *created_text(struct arena *arena, int64_t milliseconds)
{
	time_t seconds = (time_t)(milliseconds / 1000);
	struct tm moment;
	char text[64];

	gmtime_r(&seconds, &moment);
	strftime(text, sizeof(text), "%d-%m-%Y %H:%M:%S UTC", &moment);
	return arena_strdup(arena, text);
}

static void put_deployment(struct call *call, struct jsonout *answer, const char *key,
			   const struct ipc_deployment *deployment)
{
	static const char *const statuses[] = {
		[IPC_DEPLOYMENT_QUEUED] = "QUEUED",
		[IPC_DEPLOYMENT_IN_PROGRESS] = "IN_PROGRESS",
		[IPC_DEPLOYMENT_SUCCEEDED] = "SUCCEEDED",
		[IPC_DEPLOYMENT_FAILED] = "FAILED",
		[IPC_DEPLOYMENT_CANCELED] = "CANCELED",
	};

	jsonout_object(answer, key);
	jsonout_text(answer, "deploymentId", deployment->id);
	jsonout_text(answer, "status", statuses[deployment->status]);
	jsonout_text(answer, "createdOn", created_text(&call->arena, deployment->created));
	if (deployment->detail) {
		jsonout_object(answer, "deploymentStatusDetails");
		jsonout_text(answer, "detailedDeploymentStatus", deployment->detail);
		jsonout_texts(answer, "deploymentErrorStack", deployment->error_stack,
			      deployment->error_stack_count);
		jsonout_texts(answer, "deploymentErrorTypes", deployment->error_types,
			      deployment->error_type_count);
		if (deployment->failure)
			jsonout_text(answer, "deploymentFailureCause", deployment->failure);
		/* Ours; AWS' clients pass over members that their model has not. */
		if (deployment->warning_count > 0)
			jsonout_texts(answer, "deploymentWarnings", deployment->warnings,
				      deployment->warning_count);
		jsonout_object_end(answer);
	}
	jsonout_object_end(answer);
}

/* deploymentId, which the caller may ask for. */
static bool read_id(struct call *call, const char **id, struct error *err)
{
	if (!json_text(call->request, "deploymentId", id, err))
		return false;
	call->resource_type = "deployment";
	call->resource_name = *id;
	return true;
}

static bool get_status(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	struct ipc_deployment found;
	const char *id;

	if (!read_id(call, &id, err) || !call_authorize(call, id, err) ||
	    !host->deployment_find(host->context, id, &call->arena, &found, err))
		return false;
	put_deployment(call, answer, "deployment", &found);
	return true;
}

static bool list(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	struct ipc_deployment *all;
	size_t count;

	if (!call_authorize(call, "*", err) ||
	    !host->deployment_list(host->context, &call->arena, &all, &count, err))
		return false;
	jsonout_array(answer, "localDeployments");
	for (size_t i = 0; i < count; i++)
		put_deployment(call, answer, NULL, &all[i]);
	jsonout_array_end(answer);
	return true;
}

static bool cancel(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	const char *id;

	if (!read_id(call, &id, err) || !call_authorize(call, "*", err) ||
	    !host->deployment_cancel(host->context, id, err))
		return false;
	jsonout_text(answer, "message", "the deployment is being cancelled");
	return true;
}

#define SERVICE "aws.greengrass.Cli"

const struct operation operations_deployment[] = {
	{ "CreateLocalDeployment", SERVICE,
	  1U << SHAPE_INVALID_RECIPE_DIRECTORY | 1U << SHAPE_INVALID_ARTIFACT_DIRECTORY |
		  1U << SHAPE_INVALID_ARGUMENTS,
	  create, NULL },
	{ "CancelLocalDeployment", SERVICE,
	  1U << SHAPE_RESOURCE_NOT_FOUND | 1U << SHAPE_INVALID_ARGUMENTS, cancel, NULL },
	{ "GetLocalDeploymentStatus", SERVICE, 1U << SHAPE_RESOURCE_NOT_FOUND, get_status, NULL },
	{ "ListLocalDeployments", SERVICE, 0, list, NULL },
	{ 0 },
};
