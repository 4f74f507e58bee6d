/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/submit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/jsonout.h"
#include "base/visible.h"
#include "lifecycle/ipcclient.h"
#include "lifecycle/nucleus.h"

#define REQUEST_MAX  (1024 * 1024)
#define LOOK_EACH_US 100000

static bool open_caller(struct ipcclient *caller, const char *root, struct error *err)
{
	autoarena struct arena arena = { 0 };

	return ipcclient_open(caller, nucleus_root(&arena, root), err);
}

/* -- requests -----------------------------------------------------------------------------------
 */

/* {"NAME": "value"}; a NULL name gives {}. */
static void write_members(struct buf *text, const char *const *members)
{
	struct jsonout out;

	buf_init(text, REQUEST_MAX);
	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	for (; members[0]; members += 2)
		jsonout_text(&out, members[0], members[1]);
	jsonout_object_end(&out);
	jsonout_done(&out);
}

static bool call(const char *root, const char *operation, const char *const *members,
		 struct arena *arena, const struct json **answer, struct error *err)
{
	struct ipcclient caller;
	autobuf struct buf request = { 0 };
	bool is_good;

	if (!open_caller(&caller, root, err))
		return false;
	write_members(&request, members);
	is_good = buf_check(&request, "the request", err) &&
		  ipcclient_call(&caller, operation, request.data, arena, answer, err);
	ipcclient_close(&caller);
	return is_good;
}

/* -- deployments --------------------------------------------------------------------------------
 */

/* The nucleus has a working directory of its own. */
static bool make_absolute(struct arena *arena, const char **path, struct error *err)
{
	autofree char *real = NULL;

	if (!*path)
		return true;
	real = realpath(*path, NULL);
	if (!real)
		return error_sys(err, "%s", *path);
	*path = arena_strdup(arena, real);
	return true;
}

/* The document is CreateLocalDeployment's request already, but for the group's long name. */
static bool write_request(struct document *document, struct arena *arena, const char *group,
			  struct buf *text, struct error *err)
{
	if (!make_absolute(arena, &document->recipe_directory, err) ||
	    !make_absolute(arena, &document->artifact_directory, err))
		return false;
	document->group = group;
	buf_init(text, REQUEST_MAX);
	document_write(document, text);
	return buf_check(text, "the deployment", err);
}

static void print_texts(const char *title, const struct json *list)
{
	if (!list || list->count == 0)
		return;
	printf("%s:", title);
	for (const struct json *item = list->child; item; item = item->next)
		printf("%s %s", item->index > 0 ? "," : "", item->text ? item->text : "");
	putchar('\n');
}

/* A component may have said it. */
static void print_line(const char *title, const char *text)
{
	printf("%s: ", title);
	visible_put(stdout, text);
}

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return value && value->text ? value->text : "";
}

static void print_warnings(const struct json *warnings)
{
	for (const struct json *item = warnings ? warnings->child : NULL; item; item = item->next)
		if (item->text)
			print_line("Warning", item->text);
}

static void print_deployment(const struct json *deployment)
{
	const struct json *details = json_get(deployment, "deploymentStatusDetails");

	printf("%s: %s\n", text_of(deployment, "deploymentId"), text_of(deployment, "status"));
	printf("Created on: %s\n", text_of(deployment, "createdOn"));
	print_warnings(json_get(details, "deploymentWarnings"));
	if (strcmp(text_of(deployment, "status"), "FAILED") != 0 || !details)
		return;
	printf("Detailed Status: %s\n", text_of(details, "detailedDeploymentStatus"));
	print_texts("Deployment Error Stack", json_get(details, "deploymentErrorStack"));
	print_texts("Deployment Error Types", json_get(details, "deploymentErrorTypes"));
	print_line("Failure Cause", text_of(details, "deploymentFailureCause"));
}

static bool ask_status(const char *root, const char *id, struct arena *arena,
		       const struct json **deployment, struct error *err)
{
	const char *const members[] = { "deploymentId", id, NULL };
	const struct json *answer;

	if (!call(root, "GetLocalDeploymentStatus", members, arena, &answer, err))
		return false;
	*deployment = json_get(answer, "deployment");
	return *deployment || error_set(err, ERROR_CORRUPT, "the nucleus' answer is empty");
}

static bool is_over(const struct json *deployment)
{
	const char *status = text_of(deployment, "status");

	return strcmp(status, "QUEUED") != 0 && strcmp(status, "IN_PROGRESS") != 0;
}

static enum deploy_outcome outcome_of(const struct json *deployment)
{
	const char *status = text_of(deployment, "status");
	const char *detail = text_of(json_get(deployment, "deploymentStatusDetails"),
				     "detailedDeploymentStatus");

	if (strcmp(status, "SUCCEEDED") == 0)
		return DEPLOY_DONE;
	return strcmp(status, "FAILED") != 0 || strcmp(detail, "FAILED_NO_STATE_CHANGE") == 0
		       ? DEPLOY_REFUSED
		       : DEPLOY_BROKEN;
}

static bool wait_for(const char *root, const char *id, enum deploy_outcome *outcome,
		     struct error *err)
{
	for (;;) {
		autoarena struct arena arena = { 0 };
		const struct json *deployment;

		if (!ask_status(root, id, &arena, &deployment, err))
			return false;
		if (is_over(deployment)) {
			*outcome = outcome_of(deployment);
			print_deployment(deployment);
			return true;
		}
		usleep(LOOK_EACH_US);
	}
}

static bool create(const struct deploy_options *options, const struct document *document,
		   struct ipcclient *caller, struct arena *arena, const char **id,
		   struct error *err)
{
	struct document sent = *document;
	const struct json *answer;
	autobuf struct buf request = { 0 };

	if (!write_request(&sent, arena, options->group, &request, err) ||
	    !ipcclient_call(caller, "CreateLocalDeployment", request.data, arena, &answer, err) ||
	    !json_text(answer, "deploymentId", id, err))
		return false;
	printf("Local deployment submitted! Deployment Id: %s\n", *id);
	fflush(stdout);
	return true;
}

bool submit_deployment(const struct deploy_options *options, const struct document *document,
		       bool waits, enum deploy_outcome *outcome, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct ipcclient caller;
	const char *id;
	bool is_good;

	*outcome = DEPLOY_DONE;
	if (!open_caller(&caller, options->root, err)) {
		const struct error why = *err;

		if (waits && why.kind == ERROR_NOT_FOUND)
			error_set(err, why.kind, "%.900s; or give --foreground", why.text);
		return false;
	}
	is_good = create(options, document, &caller, &arena, &id, err);
	ipcclient_close(&caller);
	return is_good && (!waits || wait_for(options->root, id, outcome, err));
}

bool submit_status(const char *root, const char *id, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *deployment;

	if (!ask_status(root, id, &arena, &deployment, err))
		return false;
	print_deployment(deployment);
	return true;
}

bool submit_list(const char *root, struct error *err)
{
	static const char *const members[] = { NULL };
	autoarena struct arena arena = { 0 };
	const struct json *answer, *list;

	if (!call(root, "ListLocalDeployments", members, &arena, &answer, err) ||
	    !json_array_or_null(answer, "localDeployments", &list, err))
		return false;
	for (const struct json *item = list ? list->child : NULL; item; item = item->next)
		print_deployment(item);
	return true;
}

bool submit_cancel(const char *root, const char *id, struct error *err)
{
	const char *const members[] = { "deploymentId", id, NULL };
	autoarena struct arena arena = { 0 };
	const struct json *answer;

	if (!call(root, "CancelLocalDeployment", members, &arena, &answer, err))
		return false;
	printf("%s: cancelled\n", id);
	return true;
}

/* -- components ---------------------------------------------------------------------------------
 */

bool submit_action(const char *root, const char *operation, const struct texts *names,
		   struct error *err)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *const members[] = { "componentName", names->items[i], NULL };
		autoarena struct arena arena = { 0 };
		const struct json *answer;

		if (!call(root, operation, members, &arena, &answer, err))
			return error_in(err, "%s", names->items[i]);
		printf("%s: %s SUCCEEDED\n", names->items[i], operation);
	}
	return true;
}

bool submit_debug_password(const char *root, struct error *err)
{
	static const char *const members[] = { NULL };
	autoarena struct arena arena = { 0 };
	const struct json *answer;

	if (!call(root, "CreateDebugPassword", members, &arena, &answer, err))
		return false;
	printf("Username: %s\nPassword: %s\n", text_of(answer, "username"),
	       text_of(answer, "password"));
	return true;
}

/* -- messages -----------------------------------------------------------------------------------
 */

static bool is_local(const char *service)
{
	return strcmp(service, "pubsub") == 0;
}

static void write_message(struct buf *request, bool local, const char *topic, const char *payload)
{
	struct jsonout out;

	buf_init(request, REQUEST_MAX);
	jsonout_init(&out, request, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, local ? "topic" : "topicName", topic);
	if (local) {
		jsonout_object(&out, "publishMessage");
		jsonout_object(&out, "binaryMessage");
		jsonout_text(&out, "message", payload);
		jsonout_object_end(&out);
		jsonout_object_end(&out);
	} else {
		jsonout_text(&out, "qos", "1");
		jsonout_text(&out, "payload", payload);
	}
	jsonout_object_end(&out);
	jsonout_done(&out);
}

bool submit_publish(const char *root, const char *service, const char *topic, const char *message,
		    struct error *err)
{
	bool local = is_local(service);
	autoarena struct arena arena = { 0 };
	autofree char *encoded = base64_encode(message, strlen(message));
	autobuf struct buf request = { 0 };
	const struct json *answer;
	struct ipcclient caller;
	bool is_good;

	write_message(&request, local, topic, encoded);
	if (!buf_check(&request, "the message", err) || !open_caller(&caller, root, err))
		return false;
	is_good = ipcclient_call(&caller, local ? "PublishToTopic" : "PublishToIoTCore",
				 request.data, &arena, &answer, err);
	ipcclient_close(&caller);
	return is_good;
}

/* The message of an event, whichever of the forms it has. */
static bool print_event(const struct json *event, struct error *err)
{
	const struct json *inner = event->child;
	const struct json *message = json_get(inner, "message");
	autofree char *bytes = NULL;
	autobuf struct buf text = { 0 };
	struct jsonout out;
	size_t count = 0;

	if (!message)
		message = json_get(inner, "payload");
	if (message && message->type == JSON_TEXT && json_get(event, "jsonMessage") == NULL) {
		if (!base64_decode(message->text, &bytes, &count))
			return error_set(err, ERROR_CORRUPT, "a message is not in Base64");
		fwrite(bytes, 1, count, stdout);
	} else if (message) {
		buf_init(&text, REQUEST_MAX);
		jsonout_init(&out, &text, false);
		jsonout_json(&out, NULL, message);
		jsonout_done(&out);
		fwrite(text.data, 1, text.length, stdout);
	}
	putchar('\n');
	fflush(stdout);
	return true;
}

bool submit_subscribe(const char *root, const char *service, const char *topic, struct error *err)
{
	bool local = is_local(service);
	/* Who publishes in another terminal is the same client to the nucleus. */
	const char *const to_topic[] = { "topic", topic, "receiveMode", "RECEIVE_ALL_MESSAGES",
					 NULL };
	const char *const to_core[] = { "topicName", topic, "qos", "1", NULL };
	autobuf struct buf request = { 0 };
	autoarena struct arena first = { 0 };
	const struct json *answer;
	struct ipcclient caller;
	bool is_good;

	write_members(&request, local ? to_topic : to_core);
	if (!open_caller(&caller, root, err))
		return false;
	is_good = ipcclient_call(&caller, local ? "SubscribeToTopic" : "SubscribeToIoTCore",
				 request.data, &first, &answer, err);
	while (is_good) {
		autoarena struct arena arena = { 0 };

		is_good = ipcclient_next(&caller, &arena, &answer, err) && print_event(answer, err);
	}
	ipcclient_close(&caller);
	return false;
}
