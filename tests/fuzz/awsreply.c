/* SPDX-License-Identifier: Apache-2.0 */
/* What AWS's services answer. What is taken may become a header, so it must be fit for one. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "registry/awsreply.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const struct aws_credentials *credentials)
{
	assert(credentials->keys.access_key_id[0] && credentials->keys.secret_access_key[0]);
	assert(auth_is_header_safe(credentials->keys.access_key_id));
	if (credentials->keys.session_token)
		assert(auth_is_header_safe(credentials->keys.session_token));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	autoarena struct arena arena = { 0 };
	const char *body = arena_strndup(&arena, size ? (const char *)bytes : "", size);
	size_t length = strlen(body);
	struct aws_credentials credentials;
	struct auth_credentials login;
	struct error err;
	const char *word;
	int64_t expires;

	if (awsreply_credentials(&arena, body, length, &credentials, &err))
		check(&credentials);
	if (awsreply_iot(&arena, body, length, &credentials, &err))
		check(&credentials);
	if (awsreply_sts(&arena, body, length, &credentials, &err))
		check(&credentials);
	if (awsreply_word(&arena, body, length, &word, &err))
		assert(word[0] && auth_is_header_safe(word));
	if (awsreply_ecr(&arena, body, length, &login, &expires, &err))
		assert(login.username && login.password);
	assert(awsreply_refusal(&arena, 400, body, length)[0]);
	return 0;
}
