/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_OPERATION_H
#define LIFECYCLE_IPC_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/jsonout.h"
#include "lifecycle/ipc/connection.h"
#include "lifecycle/ipc/core.h"

/*
 * The operations of Greengrass core IPC (awslabs/smithy-iot-device-sdk-greengrass-ipc,
 * main.smithy), as a table: one entry says which policy service guards it, which errors it models,
 * and who serves it. The files op*.c hold what is behind the entries, by the sections of the model.
 */

#define OPERATION_ANSWER_MAX (1024 * 1024) /* bytes of an answer or event */
#define OPERATION_VALUES_MAX 16384         /* JSON values in a request */

/* Error shapes; an operation's entry holds the set of those it models. */
enum error_shape {
	SHAPE_SERVICE, /* every operation has it */
	SHAPE_RESOURCE_NOT_FOUND,
	SHAPE_COMPONENT_NOT_FOUND,
	SHAPE_INVALID_ARGUMENTS,
	SHAPE_UNAUTHORIZED,
	SHAPE_CONFLICT,
	SHAPE_FAILED_UPDATE_CONDITION,
	SHAPE_INVALID_TOKEN,
	SHAPE_INVALID_RECIPE_DIRECTORY,
	SHAPE_INVALID_ARTIFACT_DIRECTORY,
	SHAPE_INVALID_CLIENT_DEVICE_TOKEN,
	SHAPE_INVALID_CREDENTIAL,
};

/* One request that is being answered. */
struct call {
	struct ipc_server *server;
	struct connection *connection;
	int32_t stream;
	const struct operation *operation;
	struct arena arena; /* goes when the answer has been written */
	const struct json *request;

	/* What the operation may leave behind. */
	enum error_shape shape; /* the error to answer with; SHAPE_SERVICE: what err's kind says */
	const char *resource_type; /* of a ResourceNotFoundError */
	const char *resource_name;
	struct subscription *subscription; /* what the operation has begun */
};

struct operation {
	const char *name;    /* without the namespace */
	const char *service; /* whose policies guard it; NULL: none is needed */
	unsigned errors;     /* 1 << SHAPE_… */
	/* Adds the members of the answer to `answer`. */
	bool (*serve)(struct call *call, struct jsonout *answer, struct error *err);
	/* For what a subscription sends at once, right behind its answer. */
	void (*begun)(struct subscription *subscription);
	/* Serves the ordinary request without making a tree of it; its answer has no members.
	 * False: it is another one, or to be refused, and nothing has happened: `serve` sees to it.
	 */
	bool (*serve_quickly)(struct call *call, const char *payload, size_t length);
};

/* Answers the first message of a stream. `operation` is not NUL-terminated. */
void operation_serve(struct connection *connection, int32_t stream, const char *operation,
		     size_t operation_length, const char *payload, size_t length);

/* A stream's subscription ends on our side: ServiceError, with `context` (may be NULL). */
void operation_end(struct subscription *subscription, const char *text, const char *reason);

/* -- for those who serve ------------------------------------------------------------------------
 */

/* Fails with ERROR_DENIED unless a policy of the caller allows the operation on `resource`. A
 * console is allowed everything. */
must_check bool call_authorize(const struct call *call, const char *resource, struct error *err);

/* Makes the stream a subscription: call->subscription, which the caller fills in. Fails where the
 * connection has too many. */
must_check bool call_subscribe(struct call *call, struct error *err);

/* The tables, each ended by an entry without a name. */
extern const struct operation operations_pubsub[];
extern const struct operation operations_mqtt[];
extern const struct operation operations_configuration[];
extern const struct operation operations_component[];
extern const struct operation operations_deployment[];
extern const struct operation operations_secret[];
extern const struct operation operations_shadow[];
extern const struct operation operations_security[];
extern const struct operation operations_device[];

/* Not Greengrass' own: for our command lines only. */
extern const struct operation operations_own[];

/* The server is told what the MQTT proxy receives. */
void mqtt_listen(struct ipc_server *server);

/* The subscription at the MQTT proxy is over. */
void mqtt_forget(struct subscription *subscription);

/* What is published: by a client, or by the nucleus itself (shadows). `publisher` NULL: the
 * nucleus. */
void pubsub_publish(struct ipc_server *server, const char *publisher, const char *topic,
		    const char *variant, const struct json *message);

#endif
