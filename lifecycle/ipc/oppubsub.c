/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base64.h"
#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"

/*
 * Local publish/subscribe: at most once, in order for each publisher and subscription, nothing
 * stored. Subscribers' events never wait for each other, and a publisher never for them.
 */

struct publication {
	const char *publisher; /* NULL: the nucleus */
	const char *payload;
	size_t length;
};

static void deliver(void *context, struct topic_entry *entry)
{
	const struct publication *publication = context;
	struct subscription *subscription = entry->owner;

	if (subscription->is_others_only && publication->publisher &&
	    strcmp(publication->publisher, subscription->connection->name) == 0)
		return;
	subscription_send(subscription, "SubscriptionResponseMessage", publication->payload,
			  publication->length);
}

void pubsub_publish(struct ipc_server *server, const char *publisher, const char *topic,
		    const char *variant, const struct json *message)
{
	struct publication publication = { .publisher = publisher };
	autobuf struct buf payload;
	struct jsonout out;

	buf_init(&payload, OPERATION_ANSWER_MAX);
	if (!server->topics.root)
		return; /* nobody listens to anything */
	jsonout_init(&out, &payload, false);
	jsonout_object(&out, NULL);
	jsonout_object(&out, variant);
	jsonout_json(&out, "message", message);
	jsonout_object(&out, "context");
	jsonout_text(&out, "topic", topic);
	jsonout_object_end(&out);
	jsonout_object_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (payload.is_cut)
		return; /* larger than any request can be */
	publication.payload = payload.data;
	publication.length = payload.length;
	topictree_each(&server->topics, topic, deliver, &publication);
}

/* The one variant of the union PublishMessage, and what it carries. */
static bool read_message(const struct json *request, const char **variant,
			 const struct json **message, struct error *err)
{
	const struct json *publish, *json, *binary;
	const char *text;

	if (!json_object_or_null(request, "publishMessage", &publish, err) ||
	    !json_object_or_null(publish, "jsonMessage", &json, err) ||
	    !json_object_or_null(publish, "binaryMessage", &binary, err))
		return false;
	if (!json == !binary)
		return error_set(err, ERROR_INPUT,
				 "publishMessage must hold either jsonMessage or binaryMessage");
	*variant = json ? "jsonMessage" : "binaryMessage";
	*message = json_get(json ? json : binary, "message");
	if (!*message)
		return error_set(err, ERROR_INPUT, "%s.message is missing", *variant);
	if (binary && (!json_as_text(*message, &text, err) || !base64_is_valid(text)))
		return error_set(err, ERROR_INPUT, "binaryMessage.message is not base64");
	return true;
}

static bool publish(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct json *message = NULL;
	const char *topic, *variant = NULL;

	(void)answer;
	if (!json_text(call->request, "topic", &topic, err) || !topic_check(topic, err))
		return false;
	if (strchr(topic, '*'))
		return error_set(err, ERROR_INPUT, "topic \"%s\" holds a '*'", topic);
	if (!call_authorize(call, topic, err) ||
	    !read_message(call->request, &variant, &message, err))
		return false;
	pubsub_publish(call->server, call->connection->name, topic, variant, message);
	return true;
}

/* With a wildcard a component does not hear itself, unless it says so. */
static bool read_mode(const struct json *request, const char *filter, bool *is_others_only,
		      struct error *err)
{
	const char *mode;

	if (!json_text_or(request, "receiveMode", NULL, &mode, err))
		return false;
	if (!mode)
		*is_others_only = topic_has_wildcard(filter);
	else if (strcmp(mode, "RECEIVE_ALL_MESSAGES") == 0)
		*is_others_only = false;
	else if (strcmp(mode, "RECEIVE_MESSAGES_FROM_OTHERS") == 0)
		*is_others_only = true;
	else
		return error_set(err, ERROR_INPUT, "receiveMode \"%s\" is not known", mode);
	return true;
}

static bool subscribe(struct call *call, struct jsonout *answer, struct error *err)
{
	const char *filter;
	bool is_others_only = false;

	if (!json_text(call->request, "topic", &filter, err) || !topic_check_filter(filter, err) ||
	    !call_authorize(call, filter, err) ||
	    !read_mode(call->request, filter, &is_others_only, err) || !call_subscribe(call, err))
		return false;
	call->subscription->is_others_only = is_others_only;
	topictree_add(&call->server->topics, filter, &call->subscription->topic);
	(void)answer;
	return true;
}

const struct operation operations_pubsub[] = {
	{ "PublishToTopic", "aws.greengrass.ipc.pubsub", 1U << SHAPE_UNAUTHORIZED, publish, NULL },
	{ "SubscribeToTopic", "aws.greengrass.ipc.pubsub",
	  1U << SHAPE_INVALID_ARGUMENTS | 1U << SHAPE_UNAUTHORIZED, subscribe, NULL },
	{ 0 },
};
