/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"
#include "lifecycle/ipc/secretstore.h"

static void put_secret(struct jsonout *answer, const struct secret *secret)
{
	jsonout_text(answer, "secretId", secret->arn);
	jsonout_text(answer, "versionId", secret->version);
	jsonout_texts(answer, "versionStage", secret->stages, secret->stage_count);
	jsonout_object(answer, "secretValue");
	if (secret->text)
		jsonout_text(answer, "secretString", secret->text);
	else
		jsonout_text(answer, "secretBinary", secret->binary);
	jsonout_object_end(answer);
}

/* The policy is about the ARN, so a name is resolved first: who may read no secret at all can still
 * learn which names there are, as with Greengrass. */
static bool get(struct call *call, struct jsonout *answer, struct error *err)
{
	struct arena arena = { 0 };
	struct secret_query query;
	struct secret secret;
	bool is_good;

	if (!call->server->data)
		return error_set(err, ERROR_UNSUPPORTED, "there is no place to keep secrets");
	if (!json_text(call->request, "secretId", &query.id, err) ||
	    !json_text_or(call->request, "versionId", NULL, &query.version, err) ||
	    !json_text_or(call->request, "versionStage", NULL, &query.stage, err))
		return false;
	if (query.version && query.stage)
		return error_set(err, ERROR_INPUT, "either versionId or versionStage, not both");
	is_good = secretstore_find(call->server->data, &query, &arena, &secret, err);
	if (!is_good && err->kind == ERROR_NOT_FOUND) {
		call->resource_type = "secret";
		call->resource_name = query.id;
	}
	is_good = is_good && call_authorize(call, secret.arn, err);
	if (is_good)
		put_secret(answer, &secret);
	secretstore_wipe(&arena);
	return is_good;
}

const struct operation operations_secret[] = {
	{ "GetSecretValue", "aws.greengrass.SecretManager",
	  1U << SHAPE_UNAUTHORIZED | 1U << SHAPE_RESOURCE_NOT_FOUND, get, NULL },
	{ 0 },
};
