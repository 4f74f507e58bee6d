/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/credentials/exchange.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "lifecycle/credentials/asker.h"
#include "lifecycle/credentials/upstream.h"

/*
 * How this works: asker is the HTTP side, one struct asker for each client; upstream is one fetch.
 * Between them stands what was fetched last: credentials, or an error that is remembered for a
 * while. While a fetch is under way, those who ask wait for it.
 */

#define EARLY_SECONDS 1200 /* fetched anew so long before they expire, or at half of their life */
#define SPARE_SECONDS 10   /* what expires sooner is not served any more */

struct exchange {
	struct exchange_options options;
	char *uri;
	struct asker_server *askers;
	struct role_credentials credentials;
	struct upstream *fetching;
	struct loop_timer again; /* when to fetch by ourselves */
	bool is_wanted;

	int failed_status; /* of the last answer, if it was none to be glad of; 0: no answer came */
	char *failure;     /* NULL: the last fetch was good, or there was none */
	int64_t failed_until; /* on loop_now's clock: no other fetch before */
};

void exchange_options_init(struct exchange_options *options)
{
	*options = (struct exchange_options){ .client_error_seconds = 120,
					      .server_error_seconds = 60,
					      .unknown_error_seconds = 300 };
}

static int64_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

static bool has_credentials(const struct exchange *exchange)
{
	return exchange->credentials.expiration &&
	       exchange->credentials.expires - SPARE_SECONDS > now_seconds();
}

/* -- fetching -----------------------------------------------------------------------------------
 */

static void keep_failure(struct exchange *exchange, int status, const char *text, int64_t seconds)
{
	free(exchange->failure);
	exchange->failure = mem_strdup(text);
	exchange->failed_status = status;
	exchange->failed_until = loop_now() + seconds * 1000;
	log_warning("credentials: %s%s", status ? "" : "the provider cannot be asked: ", text);
	if (exchange->is_wanted)
		loop_arm(exchange->options.loop, &exchange->again, seconds * 1000);
}

static void keep_credentials(struct exchange *exchange, const char *text)
{
	struct role_credentials *credentials = &exchange->credentials;
	struct error err;
	int64_t life, early;

	if (!rolecredentials_read(credentials, text, now_seconds(), &err)) {
		keep_failure(exchange, 0, err.text, exchange->options.unknown_error_seconds);
		return;
	}
	free(exchange->failure);
	exchange->failure = NULL;
	life = credentials->expires - credentials->fetched;
	early = life / 2 < EARLY_SECONDS ? life / 2 : EARLY_SECONDS;
	if (exchange->is_wanted)
		loop_arm(exchange->options.loop, &exchange->again, (life - early) * 1000);
}

/* The words are the Java nucleus'; the provider's own follow, on one line. */
static char *refusal_text(int status, const char *body)
{
	char *text = mem_printf("TES responded with status code: %d. Caching response. %.512s",
				status, body);

	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = ' ';
	return text;
}

static void on_answer(void *context, const struct upstream_answer *answer)
{
	struct exchange *exchange = context;
	const struct exchange_options *options = &exchange->options;

	exchange->fetching = NULL;
	if (answer->status == 200) {
		keep_credentials(exchange, answer->text);
	} else if (answer->status) {
		autofree char *text = refusal_text(answer->status, answer->text);
		int seconds = answer->status / 100 == 4   ? options->client_error_seconds
			      : answer->status / 100 == 5 ? options->server_error_seconds
							  : options->unknown_error_seconds;

		keep_failure(exchange, answer->status, text, seconds);
	} else {
		keep_failure(exchange, 0, answer->text, options->unknown_error_seconds);
	}
	asker_server_answer(exchange->askers);
}

static void fetch(struct exchange *exchange)
{
	struct error err;

	if (exchange->fetching)
		return;
	if (!upstream_start(&exchange->fetching, &exchange->options, on_answer, exchange, &err))
		keep_failure(exchange, 0, err.text, exchange->options.unknown_error_seconds);
}

static void on_again(struct loop_timer *timer)
{
	fetch(timer->context);
}

void exchange_prefetch(struct exchange *exchange)
{
	exchange->is_wanted = true;
	if (!has_credentials(exchange) &&
	    !(exchange->failure && loop_now() < exchange->failed_until))
		fetch(exchange);
}

/* -- answering ----------------------------------------------------------------------------------
 */

static bool is_let_in(const struct exchange *exchange, const char *text)
{
	const struct token *token = tokens_find(exchange->options.tokens, text);

	return token && token->kind == TOKEN_COMPONENT &&
	       (!exchange->options.may_have ||
		exchange->options.may_have(exchange->options.context, token->name));
}

/* What to say to who has shown `token` (NULL: none). False: not now, a fetch is under way. */
static bool reply(void *context, const char *token, int *status, struct buf *body)
{
	struct exchange *exchange = context;

	if (!token || !is_let_in(exchange, token)) {
		*status = 403;
		return true;
	}
	exchange_prefetch(exchange);
	if (has_credentials(exchange)) {
		*status = 200;
		rolecredentials_write(&exchange->credentials, body);
		return true;
	}
	if (exchange->fetching)
		return false;
	*status = exchange->failed_status ? exchange->failed_status : 504;
	buf_add_text(body, exchange->failure);
	return true;
}

bool exchange_peek(const struct exchange *exchange, struct exchange_credentials *credentials)
{
	if (!has_credentials(exchange))
		return false;
	*credentials = (struct exchange_credentials){
		.access_key_id = exchange->credentials.access_key_id,
		.secret_access_key = exchange->credentials.secret_access_key,
		.session_token = exchange->credentials.session_token,
		.expires = exchange->credentials.expires,
	};
	return true;
}

void exchange_write_state(const struct exchange *exchange, struct jsonout *out, const char *key)
{
	jsonout_object(out, key);
	jsonout_text(out, "uri", exchange->uri);
	jsonout_text(out, "state",
		     has_credentials(exchange) ? "ready"
		     : exchange->fetching      ? "fetching"
		     : exchange->failure       ? "failed"
					       : "unused");
	if (has_credentials(exchange))
		jsonout_text(out, "expires", exchange->credentials.expiration);
	if (exchange->failure)
		jsonout_text(out, "trouble", exchange->failure);
	jsonout_object_end(out);
}

/* -- life ---------------------------------------------------------------------------------------
 */

static void each_text(struct exchange_options *options, const char **texts[9])
{
	const char **all[9] = {
		&options->endpoint,    &options->role_alias, &options->thing,
		&options->certificate, &options->key,        &options->root_ca,
		&options->proxy,       &options->no_proxy,   &options->link_device
	};

	memcpy(texts, all, sizeof(all));
}

bool exchange_open(struct exchange **result, const struct exchange_options *options,
		   struct error *err)
{
	struct exchange *exchange;
	const char **texts[9];

	if (!options->endpoint || !options->role_alias || !options->thing ||
	    !options->certificate || !options->key || !options->root_ca)
		return error_set(err, ERROR_INPUT,
				 "token exchange needs iotCredEndpoint, iotRoleAlias, thingName, "
				 "certificateFilePath, privateKeyPath and rootCaPath");
	if (strpbrk(options->role_alias, "/?#% ") || strpbrk(options->endpoint, "/?#@ "))
		return error_set(
			err, ERROR_INPUT,
			"iotRoleAlias \"%s\" or iotCredEndpoint \"%s\" cannot be part of a "
			"URL",
			options->role_alias, options->endpoint);
	exchange = mem_alloc(sizeof(*exchange));
	exchange->options = *options;
	each_text(&exchange->options, texts);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		*texts[i] = mem_strdup(*texts[i]);
	exchange->again = (struct loop_timer){ .on_expiry = on_again, .context = exchange };

	const struct asker_options askers = { .loop = options->loop,
					      .port = options->port,
					      .link_device = exchange->options.link_device,
					      .reply = reply,
					      .context = exchange };

	if (!asker_server_open(&exchange->askers, &askers, err)) {
		exchange_close(exchange);
		return error_in(err, "token exchange");
	}
	exchange->uri = mem_printf("http://127.0.0.1:%d" EXCHANGE_PATH,
				   asker_server_port(exchange->askers));
	*result = exchange;
	return true;
}

void exchange_close(struct exchange *exchange)
{
	const char **texts[9];

	if (!exchange)
		return;
	loop_disarm(exchange->options.loop, &exchange->again);
	upstream_cancel(exchange->fetching);
	asker_server_close(exchange->askers);
	rolecredentials_done(&exchange->credentials);
	each_text(&exchange->options, texts);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		free((void *)(uintptr_t)*texts[i]);
	free(exchange->failure);
	free(exchange->uri);
	free(exchange);
}

int exchange_port(const struct exchange *exchange)
{
	return asker_server_port(exchange->askers);
}

const char *exchange_uri(const struct exchange *exchange)
{
	return exchange->uri;
}
