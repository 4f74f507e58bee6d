/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"

/* -- reading requests ---------------------------------------------------------------------------
 */

#define PATH_KEYS_MAX 64

/* keyPath as a NULL-terminated vector; missing is the whole tree. */
static bool read_path(struct call *call, const char ***path, size_t *count, struct error *err)
{
	if (!json_text_array(&call->arena, call->request, "keyPath", path, count, err))
		return false;
	if (*count > PATH_KEYS_MAX)
		return error_set(err, ERROR_INPUT, "keyPath is deeper than %d", PATH_KEYS_MAX);
	return true;
}

static bool read_component(const struct call *call, const char **component, struct error *err)
{
	if (!json_text_or(call->request, "componentName", NULL, component, err))
		return false;
	if (!*component || !**component)
		*component = call->connection->name;
	return true;
}

/* Seconds since the epoch, with a fraction or without, to milliseconds; 0 for none. */
static bool read_timestamp(const struct json *request, int64_t *milliseconds, struct error *err)
{
	const struct json *value = json_get(request, "timestamp");
	char *end;

	*milliseconds = 0;
	if (!value)
		return true;
	if (value->type != JSON_NUMBER)
		return json_expected(value, "a number of seconds", err);

	double seconds = strtod(value->text, &end);

	if (*end || !isfinite(seconds) || seconds < 0 || seconds > 253402300799.0)
		return json_wrong(value, err, "not a time in seconds since 1970");
	*milliseconds = (int64_t)(seconds * 1000 + 0.5);
	return true;
}

/* -- get and update -----------------------------------------------------------------------------
 */

static bool get(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	const struct json *value;
	const char *component, **path;
	size_t count;

	if (!read_component(call, &component, err) || !read_path(call, &path, &count, err))
		return false;
	if (!host->configuration_get(host->context, component, path, count, &call->arena, &value,
				     err)) {
		call->resource_type = "Key";
		call->resource_name = count ? path[count - 1] : component;
		return false;
	}
	jsonout_text(answer, "componentName", component);
	if (value->type == JSON_OBJECT) {
		jsonout_json(answer, "value", value);
		return true;
	}
	jsonout_object(answer, "value");
	jsonout_json(answer, count ? path[count - 1] : "value", value);
	jsonout_object_end(answer);
	return true;
}

/* A component must not give itself rights. */
static bool check_access(const struct json *value, const char *const *path, size_t count,
			 struct error *err)
{
	bool is_touched = count > 0 && strcasecmp(path[0], "accessControl") == 0;

	if (count == 0 && json_get_fold(value, "accessControl"))
		is_touched = true;
	for (const struct json *member = count ? NULL : value->child; member; member = member->next)
		if (strcasecmp(member->key, "accessControl") == 0)
			is_touched = true; /* null, too */
	if (is_touched)
		return error_set(err, ERROR_INPUT,
				 "accessControl cannot be changed by the component itself");
	return true;
}

static bool update(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	const struct json *value;
	const char **path;
	size_t count;
	int64_t timestamp;

	(void)answer;
	if (!read_path(call, &path, &count, err) ||
	    !read_timestamp(call->request, &timestamp, err) ||
	    !json_object_or_null(call->request, "valueToMerge", &value, err))
		return false;
	if (!value)
		return error_set(err, ERROR_INPUT, "valueToMerge is missing");
	if (!check_access(value, path, count, err))
		return false;
	if (call->connection->kind != TOKEN_COMPONENT)
		return error_set(err, ERROR_DENIED,
				 "a console has no configuration; make a deployment");
	if (!host->configuration_update(host->context, call->connection->name, path, count, value,
					timestamp, err)) {
		if (err->kind == ERROR_EXISTS)
			call->shape = SHAPE_FAILED_UPDATE_CONDITION;
		return false;
	}
	return true;
}

/* -- being told ---------------------------------------------------------------------------------
 */

static bool subscribe(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	const struct json *value;
	const char *component, **path;
	size_t count;

	(void)answer;
	if (!read_component(call, &component, err) || !read_path(call, &path, &count, err))
		return false;
	if (!host->configuration_get(host->context, component, path, count, &call->arena, &value,
				     err)) {
		call->resource_type = "Key";
		call->resource_name = count ? path[count - 1] : component;
		return false;
	}
	if (!call_subscribe(call, err))
		return false;
	call->subscription->component = mem_strdup(component);
	call->subscription->path = mem_array(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		call->subscription->path[i] = mem_strdup(path[i]);
	return true;
}

/* True if the change is of what is subscribed to, of something in it, or of all that holds it. */
static bool is_about(const struct subscription *subscription, const char *component,
		     const char *const *path, size_t count)
{
	if (strcmp(subscription->component, component) != 0)
		return false;
	for (size_t i = 0; i < count && subscription->path[i]; i++)
		if (strcasecmp(subscription->path[i], path[i]) != 0)
			return false;
	return true;
}

void ipc_configuration_changed(struct ipc_server *server, const char *component,
			       const char *const *path, size_t count)
{
	struct subscription *subscription = NULL;
	autobuf struct buf payload;
	struct jsonout out;

	if (count == 0 || strcasecmp(path[0], "accessControl") == 0)
		server_forget_policies(server, component);
	buf_init(&payload, OPERATION_ANSWER_MAX);
	while ((subscription =
			server_next(server, "SubscribeToConfigurationUpdate", subscription))) {
		if (!is_about(subscription, component, path, count))
			continue;
		buf_clear(&payload);
		jsonout_init(&out, &payload, false);
		jsonout_object(&out, NULL);
		jsonout_object(&out, "configurationUpdateEvent");
		jsonout_text(&out, "componentName", component);
		jsonout_texts(&out, "keyPath", path, count);
		jsonout_object_end(&out);
		jsonout_object_end(&out);
		jsonout_done(&out);
		subscription_send(subscription, "ConfigurationUpdateEvents", payload.data,
				  payload.length);
	}
	server_settle_later(server);
}

/* -- validation ---------------------------------------------------------------------------------
 */

static bool subscribe_to_validate(struct call *call, struct jsonout *answer, struct error *err)
{
	(void)answer;
	return call_subscribe(call, err);
}

bool ipc_validate(struct ipc_server *server, const char *component, const char *deployment,
		  const struct json *configuration)
{
	struct subscription *subscription = NULL;
	bool is_asked = false;
	autobuf struct buf payload;
	struct jsonout out;

	buf_init(&payload, OPERATION_ANSWER_MAX);
	jsonout_init(&out, &payload, false);
	jsonout_object(&out, NULL);
	jsonout_object(&out, "validateConfigurationUpdateEvent");
	jsonout_json(&out, "configuration", configuration);
	jsonout_text(&out, "deploymentId", deployment);
	jsonout_object_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	while ((subscription = server_next(server, "SubscribeToValidateConfigurationUpdates",
					   subscription))) {
		if (strcmp(subscription->connection->name, component) != 0)
			continue;
		subscription_send(subscription, "ValidateConfigurationUpdateEvents", payload.data,
				  payload.length);
		is_asked = true;
	}
	server_settle_later(server);
	return is_asked;
}

static bool report(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	const struct json *given;
	const char *status, *deployment, *message;

	(void)answer;
	if (!json_object_or_null(call->request, "configurationValidityReport", &given, err) ||
	    !json_text(given, "status", &status, err) ||
	    !json_text(given, "deploymentId", &deployment, err) ||
	    !json_text_or(given, "message", NULL, &message, err))
		return false;
	if (strcmp(status, "ACCEPTED") != 0 && strcmp(status, "REJECTED") != 0)
		return error_set(err, ERROR_INPUT,
				 "status must be ACCEPTED or REJECTED, not \"%s\"", status);
	return host->validity_report(host->context, call->connection->name, deployment,
				     strcmp(status, "ACCEPTED") == 0, message, err);
}

const struct operation operations_configuration[] = {
	{ "GetConfiguration", NULL, 1U << SHAPE_RESOURCE_NOT_FOUND, get, NULL },
	{ "UpdateConfiguration", NULL,
	  1U << SHAPE_UNAUTHORIZED | 1U << SHAPE_CONFLICT | 1U << SHAPE_FAILED_UPDATE_CONDITION |
		  1U << SHAPE_INVALID_ARGUMENTS,
	  update, NULL },
	{ "SubscribeToConfigurationUpdate", NULL, 1U << SHAPE_RESOURCE_NOT_FOUND, subscribe, NULL },
	{ "SubscribeToValidateConfigurationUpdates", NULL, 0, subscribe_to_validate, NULL },
	{ "SendConfigurationValidityReport", NULL, 1U << SHAPE_INVALID_ARGUMENTS, report, NULL },
	{ 0 },
};
