/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_AWSREPLY_H
#define REGISTRY_AWSREPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "registry/auth.h"
#include "registry/sigv4.h"

/*
 * What AWS's services answer, as structs: bytes in, no network. Everything lives in the arena; what
 * goes on into headers is checked to be fit for it.
 */

struct aws_credentials {
	struct sigv4_keys keys;
	int64_t expires; /* Unix time; 0: never */
};

/* {"AccessKeyId","SecretAccessKey","Token","Expiration"}: containers' endpoint, Greengrass' token
 * exchange, IMDS, credential_process. */
must_check bool awsreply_credentials(struct arena *arena, const char *body, size_t length,
				     struct aws_credentials *credentials, struct error *err);
/* {"credentials":{"accessKeyId",…}}: IoT's credential provider. */
must_check bool awsreply_iot(struct arena *arena, const char *body, size_t length,
			     struct aws_credentials *credentials, struct error *err);
/* STS' XML of AssumeRole and AssumeRoleWithWebIdentity. */
must_check bool awsreply_sts(struct arena *arena, const char *body, size_t length,
			     struct aws_credentials *credentials, struct error *err);
/* One line of text, as IMDS answers: a token, or the name of a role. */
must_check bool awsreply_word(struct arena *arena, const char *body, size_t length,
			      const char **word, struct error *err);

/* ECR's GetAuthorizationToken, private (an array) or public (an object): the name and password that
 * its registries take, until *expires (Unix time). */
must_check bool awsreply_ecr(struct arena *arena, const char *body, size_t length,
			     struct auth_credentials *login, int64_t *expires, struct error *err);

/* "ExpiredTokenException: The security token …" out of JSON or XML; else the status. */
const char *awsreply_refusal(struct arena *arena, int status, const char *body,
			     size_t length) must_check;

#endif
