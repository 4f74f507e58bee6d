/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/awsask.h"

#include <stdlib.h>
#include <string.h>

#include "registry/limit.h"

struct awsask {
	struct aws *aws;
	struct aws_question question;
	struct arena arena; /* the request's body, which is not copied */
	struct buf answer;
	struct http_exchange *exchange;
	void (*on_end)(void *context);
	void *context;
};

static void ask_free(struct awsask *ask)
{
	if (ask->answer.data)
		explicit_bzero(ask->answer.data, ask->answer.length);
	buf_done(&ask->answer);
	arena_done(&ask->arena);
	free(ask);
}

static bool on_head(void *context, const struct http_response *response)
{
	(void)context;
	(void)response;
	return true;
}

static enum http_verdict on_body(void *context, const char *bytes, size_t count)
{
	struct awsask *ask = context;

	if (count > LIMIT_TOKEN_BODY - ask->answer.length)
		return HTTP_STOP;
	buf_add(&ask->answer, bytes, count);
	return HTTP_TAKEN;
}

static void on_end(void *context, const struct http_response *response, const struct error *problem)
{
	struct awsask *ask = context;
	void (*tell)(void *told) = ask->on_end;
	void *told = ask->context;

	if (problem)
		aws_pass(ask->aws, &ask->question);
	else
		aws_learn(ask->aws, &ask->question, response,
			  ask->answer.data ? ask->answer.data : "", ask->answer.length);
	ask_free(ask);
	tell(told);
}

static const struct http_events events = { on_head, on_body, on_end };

struct awsask *awsask_start(struct http_client *client, struct aws *aws,
			    void (*tell)(void *context), void *context)
{
	struct awsask *ask = mem_alloc(sizeof(*ask));
	struct http_request request = { 0 };

	ask->aws = aws;
	ask->on_end = tell;
	ask->context = context;
	buf_init(&ask->answer, LIMIT_TOKEN_BODY + 1);
	aws_ask(aws, &ask->arena, &ask->question, &request);
	ask->exchange = http_start(client, &request, &events, ask);
	return ask;
}

void awsask_cancel(struct awsask *ask)
{
	if (!ask)
		return;
	http_cancel(ask->exchange);
	ask_free(ask);
}
