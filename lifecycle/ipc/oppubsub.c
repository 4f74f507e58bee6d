/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base64.h"
#include "base/jsonscan.h"
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

/* `{"VARIANT":{"message":MESSAGE,"context":{"topic":"TOPIC"}}}`, where both are JSON already, to
 * all who have subscribed. */
static void publish_spans(struct ipc_server *server, const char *publisher, const char *topic,
			  const char *variant, struct jsonspan message, struct jsonspan topic_text)
{
	static const char behind_variant[] = "\":{\"message\":";
	static const char behind_message[] = ",\"context\":{\"topic\":\"";
	struct buf *event = &server->event;

	buf_clear(event);
	buf_add(event, "{\"", 2);
	buf_add_text(event, variant);
	buf_add(event, behind_variant, sizeof(behind_variant) - 1);
	buf_add(event, message.bytes, message.length);
	buf_add(event, behind_message, sizeof(behind_message) - 1);
	buf_add(event, topic_text.bytes, topic_text.length);
	buf_add(event, "\"}}}", 4);
	if (!event->is_cut) { /* else it is larger than any request can be */
		struct publication publication = { publisher, event->data, event->length };

		topictree_each(&server->topics, topic, deliver, &publication);
	}
	if (event->capacity > SERVER_EVENT_KEPT)
		buf_done(event);
}

void pubsub_publish(struct ipc_server *server, const char *publisher, const char *topic,
		    const char *variant, const struct json *message)
{
	autobuf struct buf value, text;
	struct jsonout out;

	buf_init(&value, OPERATION_ANSWER_MAX);
	buf_init(&text, OPERATION_ANSWER_MAX);
	if (!server->topics.root)
		return; /* nobody listens to anything */
	jsonout_init(&out, &value, false);
	jsonout_json(&out, NULL, message);
	jsonout_done(&out);
	jsonout_init(&out, &text, false);
	jsonout_text(&out, NULL, topic);
	jsonout_done(&out);
	if (value.is_cut || text.is_cut)
		return;
	publish_spans(server, publisher, topic, variant,
		      (struct jsonspan){ value.data, value.length },
		      (struct jsonspan){ text.data + 1, text.length - 2 }); /* without quotes */
}

/* -- the requests -------------------------------------------------------------------------------
 */

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

/* `{"topic":"…","publishMessage":{VARIANT:{"message":…}}}`, each member once and nothing else. */
struct scanned {
	struct jsonspan topic, variant, message;
};

static bool scan_publish(struct jsonscan *scan, struct scanned *found)
{
	struct jsonspan key;

	for (jsonscan_object(scan); jsonscan_member(scan, &key);) {
		if (jsonspan_is(key, "topic") && !found->topic.bytes) {
			jsonscan_plain(scan, &found->topic);
		} else if (jsonspan_is(key, "publishMessage") && !found->variant.bytes) {
			jsonscan_object(scan);
			if (!jsonscan_member(scan, &found->variant))
				return false;
			jsonscan_object(scan);
			if (!jsonscan_member(scan, &key) || !jsonspan_is(key, "message"))
				return false;
			jsonscan_value(scan, &found->message);
			if (jsonscan_member(scan, &key) || jsonscan_member(scan, &key))
				return false;
		} else {
			return false;
		}
	}
	return jsonscan_is_whole(scan) && found->topic.bytes && found->variant.bytes;
}

/* NULL: none that makes sense. */
static const char *variant_of(const struct scanned *found)
{
	struct jsonspan message = found->message;

	if (jsonspan_is(found->variant, "jsonMessage") && !jsonspan_is(message, "null"))
		return "jsonMessage";
	if (jsonspan_is(found->variant, "binaryMessage") && message.bytes[0] == '"' &&
	    base64_is_valid_n(message.bytes + 1, message.length - 2))
		return "binaryMessage";
	return NULL;
}

/* The ordinary request, of which nothing but the topic is looked at closely: its message goes on
 * as the bytes it came in. */
static bool publish_quickly(struct call *call, const char *payload, size_t length)
{
	struct scanned found = { 0 };
	char topic[TOPIC_MAX + 1];
	const char *variant;
	struct jsonscan scan;
	struct error err;

	jsonscan_init(&scan, payload, length, OPERATION_VALUES_MAX);
	if (!scan_publish(&scan, &found) || found.topic.length > TOPIC_MAX ||
	    !(variant = variant_of(&found)))
		return false;
	memcpy(topic, found.topic.bytes, found.topic.length);
	topic[found.topic.length] = '\0';
	if (strchr(topic, '*') || !topic_check(topic, &err) || !call_authorize(call, topic, &err))
		return false;
	if (call->server->topics.root)
		publish_spans(call->server, call->connection->name, topic, variant, found.message,
			      found.topic);
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
	{ "PublishToTopic", "aws.greengrass.ipc.pubsub", 1U << SHAPE_UNAUTHORIZED, publish, NULL,
	  publish_quickly },
	{ "SubscribeToTopic", "aws.greengrass.ipc.pubsub",
	  1U << SHAPE_INVALID_ARGUMENTS | 1U << SHAPE_UNAUTHORIZED, subscribe, NULL },
	{ 0 },
};
