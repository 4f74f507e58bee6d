/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"
#include "lifecycle/mqtt/proxy.h"

static bool need_proxy(const struct call *call, struct error *err)
{
	if (call->server->mqtt)
		return true;
	return error_set(err, ERROR_UNSUPPORTED,
			 "this device has no connection to AWS IoT Core: iotDataEndpoint, thing "
			 "name or certificate are not configured");
}

/* "0" or "1", as a text or a number; missing is 0. */
static bool read_qos(const struct json *request, int *qos, struct error *err)
{
	const struct json *value = json_get(request, "qos");

	*qos = 0;
	if (!value)
		return true;
	if ((value->type != JSON_TEXT && value->type != JSON_NUMBER) ||
	    (strcmp(value->text, "0") != 0 && strcmp(value->text, "1") != 0))
		return json_wrong(value, err, "must be \"0\" or \"1\"");
	*qos = value->text[0] - '0';
	return true;
}

/* At most 7 slashes, not counted in what $aws/rules/RULE/ or $share/GROUP/ adds. */
static bool check_levels(const char *topic, struct error *err)
{
	static const char *const prefixes[] = { "$aws/rules/", "$share/" };
	const char *plain = topic;
	size_t slashes = 0;

	for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
		size_t length = strlen(prefixes[i]);
		const char *end;

		if (strncmp(topic, prefixes[i], length) == 0 && (end = strchr(topic + length, '/')))
			plain = end + 1;
	}
	for (const char *at = plain; *at; at++)
		slashes += *at == '/';
	if (slashes > 7)
		return error_set(err, ERROR_INPUT, "topic \"%s\" has more than 7 slashes", topic);
	return true;
}

/* -- publishing ---------------------------------------------------------------------------------
 */

static bool publish(struct call *call, struct jsonout *answer, struct error *err)
{
	struct mqtt_message message = { 0 };
	const char *payload;
	autofree char *bytes = NULL;

	(void)answer;
	if (!json_text(call->request, "topicName", &message.topic, err) ||
	    !topic_check(message.topic, err) || !check_levels(message.topic, err) ||
	    !read_qos(call->request, &message.qos, err) ||
	    !json_text_or(call->request, "payload", "", &payload, err) ||
	    !json_bool_or(call->request, "retain", false, &message.is_retained, err) ||
	    !call_authorize(call, message.topic, err) || !need_proxy(call, err))
		return false;
	if (!base64_decode(payload, &bytes, &message.length))
		return error_set(err, ERROR_INPUT, "payload is not base64");
	if (message.length > MQTT_PAYLOAD_MAX)
		return error_set(err, ERROR_INPUT,
				 "the payload has %zu bytes; AWS IoT Core takes %d at most",
				 message.length, MQTT_PAYLOAD_MAX);
	message.payload = bytes;
	return mqtt_proxy_publish(call->server->mqtt, &message, err);
}

/* -- subscribing --------------------------------------------------------------------------------
 */

/* What messages are compared with: a shared subscription's filter is behind its group. */
static const char *local_filter(const char *filter)
{
	static const char share[] = "$share/";
	const char *group = strncmp(filter, share, sizeof(share) - 1) == 0
				    ? strchr(filter + sizeof(share) - 1, '/')
				    : NULL;

	return group ? group + 1 : filter;
}

/* The highest QoS that is asked for this very filter; -1: nobody asks. */
static int wanted_qos(struct ipc_server *server, const char *filter)
{
	struct subscription *subscription = NULL;
	int qos = -1;

	while ((subscription = server_next(server, "SubscribeToIoTCore", subscription)))
		if (subscription->filter && strcmp(subscription->filter, filter) == 0 &&
		    subscription->qos > qos)
			qos = subscription->qos;
	return qos;
}

static bool subscribe(struct call *call, struct jsonout *answer, struct error *err)
{
	const char *filter;
	int qos;

	(void)answer;
	if (!json_text(call->request, "topicName", &filter, err) ||
	    !topic_check_filter(filter, err) || !topic_check_filter(local_filter(filter), err) ||
	    !check_levels(filter, err) || !read_qos(call->request, &qos, err) ||
	    !call_authorize(call, filter, err) || !need_proxy(call, err) ||
	    !call_subscribe(call, err))
		return false;

	struct subscription *subscription = call->subscription;

	subscription->qos = qos;
	subscription->filter = mem_strdup(filter);
	topictree_add(&call->server->filters, local_filter(filter), &subscription->topic);
	return mqtt_proxy_subscribe(call->server->mqtt, filter, wanted_qos(call->server, filter),
				    err);
}

void mqtt_forget(struct subscription *subscription)
{
	struct ipc_server *server = subscription->connection->server;
	char *filter = take_text(&subscription->filter);

	topictree_remove(&server->filters, &subscription->topic);
	if (server->mqtt && wanted_qos(server, filter) < 0)
		mqtt_proxy_unsubscribe(server->mqtt, filter);
	free(filter);
}

/* -- what comes in ------------------------------------------------------------------------------
 */

struct arrival {
	const char *payload;
	size_t length;
};

static void deliver(void *context, struct topic_entry *entry)
{
	const struct arrival *arrival = context;

	subscription_send(entry->owner, "IoTCoreMessage", arrival->payload, arrival->length);
}

static void on_message(void *context, const struct mqtt_message *message)
{
	struct ipc_server *server = context;
	autofree char *text = base64_encode(message->payload, message->length);
	struct arrival arrival;
	autobuf struct buf payload;
	struct jsonout out;

	buf_init(&payload, OPERATION_ANSWER_MAX);
	jsonout_init(&out, &payload, false);
	jsonout_object(&out, NULL);
	jsonout_object(&out, "message");
	jsonout_text(&out, "topicName", message->topic);
	jsonout_text(&out, "payload", text);
	if (message->is_retained)
		jsonout_bool(&out, "retain", true);
	jsonout_object_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	arrival.payload = payload.data;
	arrival.length = payload.length;
	topictree_each(&server->filters, message->topic, deliver, &arrival);
	server_settle_later(server);
}

static void on_refused(void *context, const char *filter, const char *reason)
{
	struct ipc_server *server = context;
	struct subscription *subscription = NULL, *next;

	for (subscription = server_next(server, "SubscribeToIoTCore", NULL); subscription;
	     subscription = next) {
		next = server_next(server, "SubscribeToIoTCore", subscription);
		if (strcmp(subscription->filter, filter) == 0)
			operation_end(subscription, "AWS IoT Core refuses the subscription",
				      reason);
	}
	server_settle_later(server);
}

/* -- the state of the connection ----------------------------------------------------------------
 */

static const char status[] = "SubscribeToIoTCoreConnectionStatus";

static bool subscribe_to_status(struct call *call, struct jsonout *answer, struct error *err)
{
	(void)answer;
	return need_proxy(call, err) && call_subscribe(call, err);
}

static void send_status(struct subscription *subscription, bool is_connected)
{
	autobuf struct buf payload;

	buf_init(&payload, 256);
	buf_printf(&payload, "{\"connectionStatusEvent\":{\"status\":\"%s\"}}",
		   is_connected ? "CONNECTED" : "DISCONNECTED");
	subscription_send(subscription, "IoTCoreConnectionStatusEvent", payload.data,
			  payload.length);
}

static void begin_status(struct subscription *subscription)
{
	send_status(subscription, mqtt_proxy_is_connected(subscription->connection->server->mqtt));
}

static void on_state(void *context, bool is_connected)
{
	struct ipc_server *server = context;
	struct subscription *subscription = NULL;

	while ((subscription = server_next(server, status, subscription)))
		send_status(subscription, is_connected);
	server_settle_later(server);
}

void mqtt_listen(struct ipc_server *server)
{
	struct mqtt_listener listener = { on_message, on_state, on_refused, server };

	mqtt_proxy_listen(server->mqtt, &listener);
}

#define SERVICE "aws.greengrass.ipc.mqttproxy"

const struct operation operations_mqtt[] = {
	{ "PublishToIoTCore", SERVICE, 1U << SHAPE_UNAUTHORIZED, publish, NULL },
	{ "SubscribeToIoTCore", SERVICE, 1U << SHAPE_UNAUTHORIZED, subscribe, NULL },
	{ "SubscribeToIoTCoreConnectionStatus", NULL, 0, subscribe_to_status, begin_status },
	{ 0 },
};
