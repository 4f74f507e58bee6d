/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/metric.h"
#include "lifecycle/ipc/operation.h"

/* -- ValidateAuthorizationToken -----------------------------------------------------------------
 */

/* The stream manager checks the tokens of its clients in this way; nobody else may try tokens. */
static bool validate_token(struct call *call, struct jsonout *answer, struct error *err)
{
	const char *token;

	if (call->connection->kind != TOKEN_CONSOLE &&
	    strcmp(call->connection->name, "aws.greengrass.StreamManager") != 0)
		return error_set(err, ERROR_DENIED, "%s may not validate tokens",
				 call->connection->name);
	if (!json_text(call->request, "token", &token, err))
		return false;

	const struct token *found = tokens_find(call->server->tokens, token);

	if (!found || found->kind != TOKEN_COMPONENT) {
		call->shape = SHAPE_INVALID_TOKEN;
		return error_set(err, ERROR_INPUT, "the token is not valid");
	}
	jsonout_bool(answer, "isValid", true);
	return true;
}

/* -- PutComponentMetric -------------------------------------------------------------------------
 */

#define METRICS_MAX 1024 /* in one request */

static bool read_metric(struct call *call, const struct json *given, struct metric_sample *sample,
			struct error *err)
{
	static const char *const units[] = { "BYTES",     "BYTES_PER_SECOND",
					     "COUNT",     "COUNT_PER_SECOND",
					     "MEGABYTES", "SECONDS" };
	const struct json *value = json_get(given, "value");
	bool is_known = false;

	if (given->type != JSON_OBJECT)
		return json_expected(given, "an object", err);
	if (!json_text(given, "name", &sample->name, err) ||
	    !json_text(given, "unit", &sample->unit, err))
		return false;
	if (!*sample->name || strlen(sample->name) > METRIC_NAME_MAX)
		return json_wrong(given, err, "a metric's name has 1 to %d bytes", METRIC_NAME_MAX);
	for (size_t i = 0; i < COUNT_OF(units); i++)
		is_known = is_known || strcmp(units[i], sample->unit) == 0;
	if (!is_known)
		return json_wrong(given, err, "unit \"%s\" is not known", sample->unit);
	if (!value || value->type != JSON_NUMBER)
		return json_wrong(given, err, "value must be a number");
	sample->value = strtod(value->text, NULL);
	if (!isfinite(sample->value) || sample->value < 0)
		return json_wrong(given, err, "value must not be negative");
	return call_authorize(call, sample->name, err);
}

/* All or none. */
static bool put_metric(struct call *call, struct jsonout *answer, struct error *err)
{
	const struct json *given;
	size_t count = 0;

	(void)answer;
	if (call->connection->kind == TOKEN_COMPONENT &&
	    strncmp(call->connection->name, "aws.", 4) != 0)
		return error_set(err, ERROR_DENIED,
				 "only components of AWS (\"aws.…\") may put metrics");
	if (!json_array_or_null(call->request, "metrics", &given, err))
		return false;
	if (!given || given->count == 0)
		return error_set(err, ERROR_INPUT, "metrics is empty");
	if (given->count > METRICS_MAX)
		return error_set(err, ERROR_INPUT, "more than %d metrics", METRICS_MAX);

	struct metric_sample *samples = arena_array(&call->arena, given->count, sizeof(*samples));

	for (const struct json *item = given->child; item; item = item->next)
		if (!read_metric(call, item, &samples[count++], err))
			return false;
	for (size_t i = 0; i < count; i++)
		metrics_put(&call->server->metrics, call->connection->name, &samples[i]);
	return true;
}

/* There is no local console to log in to. */
static bool debug_password(struct call *call, struct jsonout *answer, struct error *err)
{
	(void)answer;
	if (!call_authorize(call, "*", err))
		return false;
	return error_set(err, ERROR_UNSUPPORTED, "there is no local debug console");
}

const struct operation operations_security[] = {
	{ "ValidateAuthorizationToken", NULL, 1U << SHAPE_INVALID_TOKEN | 1U << SHAPE_UNAUTHORIZED,
	  validate_token, NULL },
	{ "PutComponentMetric", "aws.greengrass.ipc.componentmetric",
	  1U << SHAPE_UNAUTHORIZED | 1U << SHAPE_INVALID_ARGUMENTS, put_metric, NULL },
	{ "CreateDebugPassword", "aws.greengrass.Cli", 1U << SHAPE_UNAUTHORIZED, debug_password,
	  NULL },
	{ 0 },
};

/* -- client devices -----------------------------------------------------------------------------
 */

/* Only brokers and bridges use these; there is no client device auth component here. */
static bool no_devices(struct call *call, struct jsonout *answer, struct error *err)
{
	(void)answer;
	if (!call_authorize(call, "*", err))
		return false;
	return error_set(err, ERROR_UNSUPPORTED,
			 "Operation %s is not supported: client devices are not served here",
			 call->operation->name);
}

#define DEVICE_ERRORS (1U << SHAPE_UNAUTHORIZED | 1U << SHAPE_INVALID_ARGUMENTS)
#define DEVICE_AUTH   "aws.greengrass.clientdevices.Auth"

const struct operation operations_device[] = {
	{ "VerifyClientDeviceIdentity", DEVICE_AUTH, DEVICE_ERRORS, no_devices, NULL },
	{ "GetClientDeviceAuthToken", DEVICE_AUTH, DEVICE_ERRORS | 1U << SHAPE_INVALID_CREDENTIAL,
	  no_devices, NULL },
	{ "AuthorizeClientDeviceAction", DEVICE_AUTH,
	  DEVICE_ERRORS | 1U << SHAPE_INVALID_CLIENT_DEVICE_TOKEN, no_devices, NULL },
	{ "SubscribeToCertificateUpdates", DEVICE_AUTH, DEVICE_ERRORS, no_devices, NULL },
	{ 0 },
};
