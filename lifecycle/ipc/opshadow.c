/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"
#include "lifecycle/ipc/shadow.h"

/* Every change is also published on the local topics that AWS IoT Core would use, as binary
 * messages ("Shadow topics" in the AWS IoT developer guide). */
static void announce(struct ipc_server *server, const struct shadow_id *id, const char *what,
		     const char *document)
{
	char topic[TOPIC_MAX * 2];
	autofree char *text = base64_encode(document, strlen(document));
	const struct json message = { .type = JSON_TEXT, .text = text };

	snprintf(topic, sizeof(topic), "$aws/things/%s/shadow%s%s/%s", id->thing,
		 *id->name ? "/name/" : "", id->name, what);
	pubsub_publish(server, NULL, topic, "binaryMessage", &message);
}

static bool failed(struct call *call, const struct shadow_id *id, const char *what,
		   const struct error *err)
{
	int code = err->kind == ERROR_NOT_FOUND ? 404
		   : err->kind == ERROR_EXISTS  ? 409
		   : err->kind == ERROR_INPUT   ? 400
						: 500;
	char topic[32];
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, 4096);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "code", code);
	jsonout_text(&out, "message", err->text);
	jsonout_object_end(&out);
	jsonout_done(&out);
	snprintf(topic, sizeof(topic), "%s/rejected", what);
	announce(call->server, id, topic, text.data);
	call->resource_type = "shadow";
	call->resource_name = id->name;
	return false;
}

/* Which shadow, and whether the caller may. */
static bool read_id(struct call *call, struct shadow_id *id, struct error *err)
{
	char resource[TOPIC_MAX * 2];

	id->data = call->server->data;
	if (!id->data)
		return error_set(err, ERROR_UNSUPPORTED, "there is no place to keep shadows");
	if (!json_text(call->request, "thingName", &id->thing, err) ||
	    !json_text_or(call->request, "shadowName", "", &id->name, err) ||
	    !shadow_check(id, err))
		return false;
	snprintf(resource, sizeof(resource), "$aws/things/%s/shadow%s%s", id->thing,
		 *id->name ? "/name/" : "", id->name);
	return call_authorize(call, resource, err);
}

static void put_payload(struct jsonout *answer, const char *document)
{
	autofree char *text = base64_encode(document, strlen(document));

	jsonout_text(answer, "payload", text);
}

static bool get(struct call *call, struct jsonout *answer, struct error *err)
{
	struct shadow_id id;
	const char *document;

	if (!read_id(call, &id, err))
		return false;
	if (!shadow_get(&id, &call->arena, &document, err))
		return failed(call, &id, "get", err);
	announce(call->server, &id, "get/accepted", document);
	put_payload(answer, document);
	return true;
}

static bool update(struct call *call, struct jsonout *answer, struct error *err)
{
	struct shadow_id id;
	struct shadow_change change = { 0 };
	const char *payload;
	autofree char *document = NULL;
	size_t length;

	if (!read_id(call, &id, err) || !json_text(call->request, "payload", &payload, err))
		return false;
	if (!base64_decode(payload, &document, &length))
		return error_set(err, ERROR_INPUT, "payload is not base64");
	if (!shadow_update(&id, document, length, &call->arena, &change, err))
		return failed(call, &id, "update", err);
	announce(call->server, &id, "update/accepted", change.accepted);
	announce(call->server, &id, "update/documents", change.documents);
	if (change.delta)
		announce(call->server, &id, "update/delta", change.delta);
	put_payload(answer, change.accepted);
	return true;
}

static bool delete (struct call *call, struct jsonout *answer, struct error *err)
{
	struct shadow_id id;
	const char *document;

	if (!read_id(call, &id, err))
		return false;
	if (!shadow_delete(&id, &call->arena, &document, err))
		return failed(call, &id, "delete", err);
	announce(call->server, &id, "delete/accepted", document);
	put_payload(answer, document);
	return true;
}

#define PAGE_DEFAULT 25
#define PAGE_MAX     100

/* nextToken is the last name of the page before. */
static bool list(struct call *call, struct jsonout *answer, struct error *err)
{
	struct shadow_id id = { .data = call->server->data, .name = "" };
	autotexts struct texts names = { 0 };
	const char *after, *last = NULL;
	int64_t size, count = 0;
	char now[32];

	if (!id.data)
		return error_set(err, ERROR_UNSUPPORTED, "there is no place to keep shadows");
	if (!json_text(call->request, "thingName", &id.thing, err) ||
	    !json_text_or(call->request, "nextToken", "", &after, err) ||
	    !json_int_or(call->request, "pageSize", PAGE_DEFAULT, &size, err) ||
	    !shadow_check(&id, err) || !call_authorize(call, id.thing, err))
		return false;
	if (size < 1 || size > PAGE_MAX)
		return error_set(err, ERROR_INPUT, "pageSize must be 1 to %d", PAGE_MAX);
	if (!shadow_list(&id, &call->arena, &names, err))
		return false;
	jsonout_array(answer, "results");
	for (size_t i = 0; i < names.count && count < size; i++) {
		if (strcmp(names.items[i], after) <= 0)
			continue;
		jsonout_text(answer, NULL, names.items[i]);
		count++;
		last = i + 1 < names.count ? names.items[i] : NULL;
	}
	jsonout_array_end(answer);
	snprintf(now, sizeof(now), "%lld", (long long)time(NULL));
	jsonout_number(answer, "timestamp", now);
	if (last)
		jsonout_text(answer, "nextToken", last);
	return true;
}

#define SERVICE "aws.greengrass.ShadowManager"
#define ERRORS  (1U << SHAPE_INVALID_ARGUMENTS | 1U << SHAPE_UNAUTHORIZED)

const struct operation operations_shadow[] = {
	{ "GetThingShadow", SERVICE, ERRORS | 1U << SHAPE_RESOURCE_NOT_FOUND, get, NULL },
	{ "UpdateThingShadow", SERVICE, ERRORS | 1U << SHAPE_CONFLICT, update, NULL },
	{ "DeleteThingShadow", SERVICE, ERRORS | 1U << SHAPE_RESOURCE_NOT_FOUND, delete, NULL },
	{ "ListNamedShadowsForThing", SERVICE, ERRORS | 1U << SHAPE_RESOURCE_NOT_FOUND, list,
	  NULL },
	{ 0 },
};
