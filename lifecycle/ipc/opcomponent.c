/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"

/* -- a component about itself -------------------------------------------------------------------
 */

static bool update_state(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	const char *state;

	(void)answer;
	if (!json_text(call->request, "state", &state, err))
		return false;
	if (strcmp(state, "RUNNING") != 0 && strcmp(state, "ERRORED") != 0)
		return error_set(err, ERROR_INPUT, "state must be RUNNING or ERRORED, not \"%s\"",
				 state);
	return host->component_report(host->context, call->connection->name,
				      *state == 'R' ? IPC_STATE_RUNNING : IPC_STATE_ERRORED, err);
}

/* -- updates ------------------------------------------------------------------------------------
 */

static const char updates[] = "SubscribeToComponentUpdates";

static bool subscribe_to_updates(struct call *call, struct jsonout *answer, struct error *err)
{
	(void)answer;
	return call_subscribe(call, err);
}

static void send_update(struct subscription *subscription, const char *event,
			const char *deployment, const bool *is_restarting)
{
	autobuf struct buf payload;
	struct jsonout out;

	buf_init(&payload, 4096);
	jsonout_init(&out, &payload, false);
	jsonout_object(&out, NULL);
	jsonout_object(&out, event);
	jsonout_text(&out, "deploymentId", deployment);
	if (is_restarting)
		jsonout_bool(&out, "isGgcRestarting", *is_restarting);
	jsonout_object_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	subscription_send(subscription, "ComponentUpdatePolicyEvents", payload.data,
			  payload.length);
}

void ipc_pre_update(struct ipc_server *server, const char *deployment, bool is_restarting,
		    struct arena *arena, struct texts *asked)
{
	struct subscription *subscription = NULL;

	while ((subscription = server_next(server, updates, subscription))) {
		send_update(subscription, "preUpdateEvent", deployment, &is_restarting);
		if (!texts_has(asked, subscription->connection->name))
			texts_add(asked, arena_strdup(arena, subscription->connection->name));
	}
	server_settle_later(server);
}

bool ipc_pre_update_one(struct ipc_server *server, const char *component, const char *deployment,
			bool is_restarting)
{
	struct subscription *subscription = NULL;
	bool is_asked = false;

	while ((subscription = server_next(server, updates, subscription))) {
		if (strcmp(subscription->connection->name, component) != 0)
			continue;
		send_update(subscription, "preUpdateEvent", deployment, &is_restarting);
		is_asked = true;
	}
	server_settle_later(server);
	return is_asked;
}

void ipc_post_update(struct ipc_server *server, const char *deployment)
{
	struct subscription *subscription = NULL;

	while ((subscription = server_next(server, updates, subscription)))
		send_update(subscription, "postUpdateEvent", deployment, NULL);
	server_settle_later(server);
}

static bool is_subscribed(const struct call *call)
{
	struct subscription *subscription = NULL;

	while ((subscription = server_next(call->server, updates, subscription)))
		if (strcmp(subscription->connection->name, call->connection->name) == 0)
			return true;
	return false;
}

static bool defer(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	const char *deployment, *message;
	int64_t milliseconds;

	(void)answer;
	if (!json_text(call->request, "deploymentId", &deployment, err) ||
	    !json_text_or(call->request, "message", NULL, &message, err) ||
	    !json_int_or(call->request, "recheckAfterMs", 0, &milliseconds, err))
		return false;
	if (milliseconds < 0)
		return error_set(err, ERROR_INPUT, "recheckAfterMs is negative");
	if (!is_subscribed(call))
		return error_set(err, ERROR_INPUT, "%s is not subscribed to component updates",
				 call->connection->name);
	return host->defer_update(host->context, call->connection->name, deployment, milliseconds,
				  message, err);
}

/* -- other components ---------------------------------------------------------------------------
 */

/* componentName, which the caller may act on. */
static bool read_target(struct call *call, const char **component, struct error *err)
{
	if (!json_text(call->request, "componentName", component, err))
		return false;
	if (!**component)
		return error_set(err, ERROR_INPUT, "componentName is empty");
	return call_authorize(call, *component, err);
}

static bool act(struct call *call, enum ipc_action action, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	const char *component;

	if (!read_target(call, &component, err))
		return false;
	if (host->component_act(host->context, component, action, err))
		return true;
	call->resource_type = "component";
	call->resource_name = component;
	return false;
}

static bool pause_component(struct call *call, struct jsonout *answer, struct error *err)
{
	(void)answer;
	return act(call, IPC_ACTION_PAUSE, err);
}

static bool resume_component(struct call *call, struct jsonout *answer, struct error *err)
{
	(void)answer;
	return act(call, IPC_ACTION_RESUME, err);
}

/* What is there but cannot be restarted or stopped is an answer, no error. */
static bool act_and_say(struct call *call, enum ipc_action action, const char *member,
			struct jsonout *answer, struct error *err)
{
	bool is_done = act(call, action, err);

	if (!is_done &&
	    (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_DENIED || err->kind == ERROR_INPUT))
		return false;
	jsonout_text(answer, member, is_done ? "SUCCEEDED" : "FAILED");
	if (!is_done)
		jsonout_text(answer, "message", err->text);
	return true;
}

static bool restart_component(struct call *call, struct jsonout *answer, struct error *err)
{
	return act_and_say(call, IPC_ACTION_RESTART, "restartStatus", answer, err);
}

static bool stop_component(struct call *call, struct jsonout *answer, struct error *err)
{
	return act_and_say(call, IPC_ACTION_STOP, "stopStatus", answer, err);
}

static void put_component(struct call *call, struct jsonout *answer, const char *key,
			  const struct ipc_component *component)
{
	static const char *const states[] = {
		[IPC_STATE_NEW] = "NEW",           [IPC_STATE_INSTALLED] = "INSTALLED",
		[IPC_STATE_STARTING] = "STARTING", [IPC_STATE_RUNNING] = "RUNNING",
		[IPC_STATE_STOPPING] = "STOPPING", [IPC_STATE_ERRORED] = "ERRORED",
		[IPC_STATE_BROKEN] = "BROKEN",     [IPC_STATE_FINISHED] = "FINISHED",
	};
	const struct ipc_host *host = call->server->host;
	const struct json *configuration;
	struct error ignored;

	jsonout_object(answer, key);
	jsonout_text(answer, "componentName", component->name);
	jsonout_text(answer, "version", component->version);
	jsonout_text(answer, "state", states[component->state]);
	if (host->configuration_get(host->context, component->name, NULL, 0, &call->arena,
				    &configuration, &ignored) &&
	    configuration->type == JSON_OBJECT)
		jsonout_json(answer, "configuration", configuration);
	jsonout_object_end(answer);
}

static bool list_components(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	struct ipc_component *list;
	size_t count;

	if (!call_authorize(call, "*", err) ||
	    !host->component_list(host->context, &call->arena, &list, &count, err))
		return false;
	jsonout_array(answer, "components");
	for (size_t i = 0; i < count; i++)
		put_component(call, answer, NULL, &list[i]);
	jsonout_array_end(answer);
	return true;
}

static bool get_details(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct ipc_host *host = call->server->host;
	struct ipc_component found;
	const char *component;

	if (!read_target(call, &component, err))
		return false;
	if (!host->component_find(host->context, component, &call->arena, &found, err)) {
		call->resource_type = "component";
		call->resource_name = component;
		return false;
	}
	put_component(call, answer, "componentDetails", &found);
	return true;
}

#define SERVICE_LIFECYCLE "aws.greengrass.ipc.lifecycle"
#define SERVICE_CLI       "aws.greengrass.Cli"

const struct operation operations_component[] = {
	{ "UpdateState", NULL, 1U << SHAPE_RESOURCE_NOT_FOUND, update_state, NULL },
	{ "SubscribeToComponentUpdates", NULL, 1U << SHAPE_RESOURCE_NOT_FOUND, subscribe_to_updates,
	  NULL },
	{ "DeferComponentUpdate", NULL,
	  1U << SHAPE_RESOURCE_NOT_FOUND | 1U << SHAPE_INVALID_ARGUMENTS, defer, NULL },
	{ "PauseComponent", SERVICE_LIFECYCLE,
	  1U << SHAPE_UNAUTHORIZED | 1U << SHAPE_RESOURCE_NOT_FOUND, pause_component, NULL },
	{ "ResumeComponent", SERVICE_LIFECYCLE,
	  1U << SHAPE_UNAUTHORIZED | 1U << SHAPE_RESOURCE_NOT_FOUND, resume_component, NULL },
	{ "ListComponents", SERVICE_CLI, 0, list_components, NULL },
	{ "GetComponentDetails", SERVICE_CLI,
	  1U << SHAPE_RESOURCE_NOT_FOUND | 1U << SHAPE_INVALID_ARGUMENTS, get_details, NULL },
	{ "RestartComponent", SERVICE_CLI,
	  1U << SHAPE_COMPONENT_NOT_FOUND | 1U << SHAPE_INVALID_ARGUMENTS, restart_component,
	  NULL },
	{ "StopComponent", SERVICE_CLI,
	  1U << SHAPE_COMPONENT_NOT_FOUND | 1U << SHAPE_INVALID_ARGUMENTS, stop_component, NULL },
	{ 0 },
};
