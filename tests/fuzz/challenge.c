/* SPDX-License-Identifier: Apache-2.0 */
/* WWW-Authenticate fields, and the question to the realm they name. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "registry/auth.h"
#include "registry/limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	autoarena struct arena arena = { 0 };
	const char *field = arena_strndup(&arena, size ? (const char *)bytes : "", size);
	struct auth_credentials login = { "user", "password", NULL };
	struct auth_challenge best = { 0 };
	struct auth_question question;
	struct error err;

	auth_read_challenges(&arena, field, &best);
	if (best.scheme != AUTH_BEARER)
		return 0;
	assert(best.realm && best.realm[0] && strlen(best.realm) <= LIMIT_CHALLENGE);
	if (!auth_check_realm(best.realm, "https://registry.example", &err))
		return 0;
	/* A password goes nowhere but by TLS. */
	assert(strncasecmp(best.realm, "https:", 6) == 0);
	if (auth_ask_token(
		    &arena, &best,
		    &(struct auth_wish){ best.scope ? best.scope : "s", &login, true, false },
		    &question, &err))
		assert(strncmp(question.url, best.realm, strlen(best.realm)) == 0);
	return 0;
}
