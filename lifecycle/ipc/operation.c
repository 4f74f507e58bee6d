/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/operation.h"

#include <string.h>

#include "base/log.h"
#include "lifecycle/ipc/core.h"

#define NAMESPACE          "aws.greengrass#"
#define OPERATION_NAME_MAX 96 /* with the namespace, or "Response" behind it */

static const char *const shape_names[] = {
	[SHAPE_SERVICE] = "ServiceError",
	[SHAPE_RESOURCE_NOT_FOUND] = "ResourceNotFoundError",
	[SHAPE_COMPONENT_NOT_FOUND] = "ComponentNotFoundError",
	[SHAPE_INVALID_ARGUMENTS] = "InvalidArgumentsError",
	[SHAPE_UNAUTHORIZED] = "UnauthorizedError",
	[SHAPE_CONFLICT] = "ConflictError",
	[SHAPE_FAILED_UPDATE_CONDITION] = "FailedUpdateConditionCheckError",
	[SHAPE_INVALID_TOKEN] = "InvalidTokenError",
	[SHAPE_INVALID_RECIPE_DIRECTORY] = "InvalidRecipeDirectoryPathError",
	[SHAPE_INVALID_ARTIFACT_DIRECTORY] = "InvalidArtifactsDirectoryPathError",
	[SHAPE_INVALID_CLIENT_DEVICE_TOKEN] = "InvalidClientDeviceAuthTokenError",
	[SHAPE_INVALID_CREDENTIAL] = "InvalidCredentialError",
};

/* -- errors -------------------------------------------------------------------------------------
 */

/* The first of the shapes that belong to the kind and that the operation models. */
static enum error_shape shape_of(const struct call *call, enum error_kind kind)
{
	static const enum error_shape shapes[][2] = {
		[ERROR_NOT_FOUND] = { SHAPE_RESOURCE_NOT_FOUND, SHAPE_COMPONENT_NOT_FOUND },
		[ERROR_INPUT] = { SHAPE_INVALID_ARGUMENTS },
		[ERROR_DENIED] = { SHAPE_UNAUTHORIZED },
		[ERROR_EXISTS] = { SHAPE_CONFLICT },
	};
	enum error_shape chosen = call->shape;

	if (chosen == SHAPE_SERVICE && kind < COUNT_OF(shapes)) {
		chosen = shapes[kind][0];
		if (!(call->operation->errors & 1U << chosen))
			chosen = shapes[kind][1];
	}
	return call->operation->errors & 1U << chosen ? chosen : SHAPE_SERVICE;
}

/* The members that each client wants: `message` the SDKs, `_errorCode` the C component SDK. */
static void send_error(struct connection *connection, int32_t stream, const struct call *call,
		       enum error_shape shape, const char *text)
{
	autobuf struct buf payload;
	struct jsonout out;

	buf_init(&payload, 16384);
	jsonout_init(&out, &payload, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "message", text);
	jsonout_text(&out, "_message", text);
	jsonout_text(&out, "_errorCode", shape_names[shape]);
	jsonout_text(&out, "_service", NAMESPACE "GreengrassCoreIPC");
	if (shape == SHAPE_RESOURCE_NOT_FOUND && call && call->resource_type) {
		jsonout_text(&out, "resourceType", call->resource_type);
		jsonout_text(&out, "resourceName", call->resource_name);
	}
	jsonout_object_end(&out);
	jsonout_done(&out);
	connection_send(connection, RPC_ERROR, RPC_TERMINATE, stream, shape_names[shape],
			payload.data, payload.length);
}

void operation_end(struct subscription *subscription, const char *text, const char *reason)
{
	struct connection *connection = subscription->connection;
	int32_t stream = subscription->stream;
	autobuf struct buf payload;
	struct jsonout out;

	buf_init(&payload, 16384);
	jsonout_init(&out, &payload, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "message", text);
	jsonout_text(&out, "_message", text);
	jsonout_text(&out, "_errorCode", "ServiceError");
	jsonout_text(&out, "_service", NAMESPACE "GreengrassCoreIPC");
	if (reason) {
		jsonout_object(&out, "context");
		jsonout_text(&out, "reasonString", reason);
		jsonout_object_end(&out);
	}
	jsonout_object_end(&out);
	jsonout_done(&out);
	subscription_free(subscription);
	connection_send(connection, RPC_ERROR, RPC_TERMINATE, stream, "ServiceError", payload.data,
			payload.length);
}

bool call_subscribe(struct call *call, struct error *err)
{
	struct connection *connection = call->connection;

	if (connection->subscription_count >= CONNECTION_STREAMS_MAX)
		return error_set(err, ERROR_NO_SPACE, "more than %d subscriptions of one client",
				 CONNECTION_STREAMS_MAX);
	call->subscription = subscription_new(connection, call->stream, call->operation);
	return true;
}

/* -- authorisation ------------------------------------------------------------------------------
 */

bool call_authorize(const struct call *call, const char *resource, struct error *err)
{
	const struct connection *connection = call->connection;
	char operation[OPERATION_NAME_MAX] = NAMESPACE;

	if (connection->kind == TOKEN_CONSOLE || !call->operation->service)
		return true;
	strcpy(operation + strlen(NAMESPACE), call->operation->name); /* one of our tables' */
	if (access_is_allowed(server_policies(call->server, connection->name),
			      call->operation->service, operation, resource))
		return true;
	return error_set(err, ERROR_DENIED,
			 "%s may not %s on \"%s\": no policy in its accessControl for %s allows it",
			 connection->name, call->operation->name, resource,
			 call->operation->service);
}

/* -- dispatch -----------------------------------------------------------------------------------
 */

static const struct operation *find_in(const struct operation *table, const char *name,
				       size_t length)
{
	for (; table->name; table++)
		if (strlen(table->name) == length && memcmp(table->name, name, length) == 0)
			return table;
	return NULL;
}

static const struct operation *find(const char *name, size_t length)
{
	static const struct operation *const tables[] = {
		operations_pubsub,     operations_mqtt,   operations_configuration,
		operations_component,  operations_secret, operations_security,
		operations_deployment, operations_shadow, operations_device,
		operations_own,
	};
	size_t prefix = strlen(NAMESPACE);

	if (length <= prefix || memcmp(name, NAMESPACE, prefix) != 0)
		return NULL;
	name += prefix;
	length -= prefix;
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		const struct operation *found = find_in(tables[i], name, length);

		if (found)
			return found;
	}
	return NULL;
}

static bool read_request(struct call *call, const char *payload, size_t length, struct error *err)
{
	const char *text = length ? payload : "{}";

	if (!json_parse_at_most(&call->arena, "request", text, length ? length : 2,
				OPERATION_VALUES_MAX, &call->request, err))
		return false;
	if (call->request->type != JSON_OBJECT)
		return json_expected(call->request, "an object", err);
	return true;
}

/* Serves it into `payload`. */
static bool serve(struct call *call, struct buf *payload, struct error *err)
{
	struct jsonout out;

	jsonout_init(&out, payload, false);
	jsonout_object(&out, NULL);

	bool is_served = call->operation->serve(call, &out, err);

	if (is_served)
		jsonout_object_end(&out);
	jsonout_done(&out);
	return is_served && buf_check(payload, "the answer", err);
}

static void answer(const struct call *call, const char *payload, size_t length)
{
	char shape[OPERATION_NAME_MAX];

	strcpy(stpcpy(shape, call->operation->name), "Response");
	connection_send(call->connection, RPC_MESSAGE, call->subscription ? 0 : RPC_TERMINATE,
			call->stream, shape, payload, length);
}

void operation_serve(struct connection *connection, int32_t stream, const char *name,
		     size_t name_length, const char *payload, size_t length)
{
	const struct operation *operation = find(name, name_length);
	struct call call = { .server = connection->server,
			     .connection = connection,
			     .stream = stream,
			     .operation = operation };
	autobuf struct buf members;
	struct error err;

	buf_init(&members, OPERATION_ANSWER_MAX);
	if (!operation) {
		char text[192];

		snprintf(text, sizeof(text), "Operation %.*s is not supported by Greengrass",
			 (int)(name_length < 120 ? name_length : 120), name);
		send_error(connection, stream, NULL, SHAPE_SERVICE, text);
		return;
	}
	if (operation->serve_quickly && operation->serve_quickly(&call, payload, length)) {
		answer(&call, "{}", 2);
		return;
	}
	if (read_request(&call, payload, length, &err) && serve(&call, &members, &err)) {
		answer(&call, members.data, members.length);
		if (call.subscription && operation->begun)
			operation->begun(call.subscription);
	} else {
		if (call.subscription)
			subscription_free(call.subscription);
		log_info("IPC: %s: %s: %s", connection->name, operation->name, err.text);
		send_error(connection, stream, &call, shape_of(&call, err.kind), err.text);
	}
	arena_done(&call.arena);
}
