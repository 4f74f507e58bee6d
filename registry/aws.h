/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_AWS_H
#define REGISTRY_AWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "registry/http.h"
#include "registry/sigv4.h"

/*
 * Credentials of AWS: given as they are, or to be had from a chain of providers, asked one after
 * the other when somebody first needs them and again before they end. One for the whole process.
 *
 * The requests are sent by whoever needs the credentials (a source, registry/source.h): aws_ask
 * makes the next one, aws_learn reads its reply. Several may ask at once; what comes late is
 * passed over.
 */

enum aws_kind {
	AWS_CONTAINER,    /* AWS_CONTAINER_CREDENTIALS_*_URI, Greengrass' token exchange */
	AWS_WEB_IDENTITY, /* STS AssumeRoleWithWebIdentity */
	AWS_ROLE,         /* STS AssumeRole, signed by `keys` or by what `source` gives */
	AWS_IOT,          /* IoT's credential provider: a role alias and a device's certificate */
	AWS_IMDS,         /* the instance's metadata, version 2 */
};

struct aws_provider {
	enum aws_kind kind;
	const char *url;                                   /* STS: the endpoint; IMDS: the base */
	const char *authorization;                         /* AWS_CONTAINER; or NULL */
	const char *role_arn, *session_name, *external_id; /* STS; external_id may be NULL */
	const char *token;                                 /* AWS_WEB_IDENTITY */
	const char *region;                                /* AWS_ROLE */
	struct sigv4_keys keys;
	struct aws_provider *source; /* AWS_ROLE: AWS_CONTAINER or AWS_IMDS; or NULL */
	const char *thing;           /* AWS_IOT; or NULL */
	struct http_tls tls;
};

struct aws_settings {
	struct sigv4_keys keys; /* access_key_id is NULL: ask the providers */
	struct aws_provider *providers;
	size_t provider_count;
};

struct aws;

struct aws *aws_new(const struct aws_settings *settings) must_check;
void aws_free(struct aws *aws);

/* NULL: none that are valid now. Good until the next aws_learn. */
const struct sigv4_keys *aws_keys(const struct aws *aws);
/* No keys, but a provider is left to ask. */
bool aws_may_ask(struct aws *aws);
/* Is there anything at all to have credentials by? */
bool aws_is_configured(const struct aws *aws);
/* Why no provider had any: "container: …; imds: …". "" if nobody was asked. */
const char *aws_problems(const struct aws *aws);

/* Which request a reply belongs to. */
struct aws_question {
	size_t provider;
	int step;
};

/* Where aws_may_ask. */
void aws_ask(struct aws *aws, struct arena *arena, struct aws_question *question,
	     struct http_request *request);
void aws_learn(struct aws *aws, const struct aws_question *question,
	       const struct http_response *response, const char *body, size_t length);
/* Nobody answered. */
void aws_pass(struct aws *aws, const struct aws_question *question);

/* What to add to our clock to have AWS's; learnt from a refusal, once. */
time_t aws_clock_skew(const struct aws *aws);
bool aws_set_clock(struct aws *aws, const struct http_response *response);

#endif
