/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/token.h"

#include "tests/unit/tap.h"

static void test_life(void)
{
	struct tokens tokens = { 0 };
	const struct token *first, *second, *console;
	char old[TOKEN_LENGTH + 1];
	struct error err;

	check(!tokens_find(&tokens, "ABCDEFGHIJKLMNOP"), "nobody is known at first");
	if (!check_ok(tokens_issue(&tokens, "com.example.A", TOKEN_COMPONENT, &first, &err), &err,
		      "a token") ||
	    !check_ok(tokens_issue(&tokens, "com.example.B", TOKEN_COMPONENT, &second, &err), &err,
		      "another") ||
	    !check_ok(tokens_issue(&tokens, "user-0", TOKEN_CONSOLE, &console, &err), &err,
		      "a console's"))
		return;
	check_int((long long)strlen(first->text), 16, "of 16 characters");
	check_int((long long)strspn(first->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), 16,
		  "that need no escape in JSON");
	check(strcmp(first->text, second->text) != 0, "each has its own");
	check(tokens_find(&tokens, first->text) == first, "found by its text");
	check(tokens_of(&tokens, "com.example.B") == second, "found by name");
	check(tokens_find(&tokens, console->text)->kind == TOKEN_CONSOLE,
	      "a console is known as one");
	memcpy(old, first->text, sizeof(old));
	check_ok(tokens_issue(&tokens, "com.example.A", TOKEN_COMPONENT, &first, &err), &err,
		 "issued anew");
	check(!tokens_find(&tokens, old), "the old one is not valid any more");
	check(tokens_find(&tokens, first->text) == first, "the new one is");
	memcpy(old, first->text, sizeof(old));
	tokens_revoke(&tokens, "com.example.A");
	tokens_revoke(&tokens, "com.example.Nobody");
	check(!tokens_find(&tokens, old) && !tokens_of(&tokens, "com.example.A"), "revoked");
	check(tokens_find(&tokens, second->text) == second, "alone");
	tokens_done(&tokens);
	check(!tokens.first, "all gone");
}

static void test_refused(void)
{
	static const char *const texts[] = { "", "A", "ABCDEFGHIJKLMNOPQ", "ABCDEFGHIJKLMNO" };
	struct tokens tokens = { 0 };
	const struct token *token;
	struct error err;

	if (!check_ok(tokens_issue(&tokens, "a", TOKEN_COMPONENT, &token, &err), &err, "a token"))
		return;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		check(!tokens_find(&tokens, texts[i]), "\"%s\" is nobody's", texts[i]);

	char near[TOKEN_LENGTH + 1];

	for (size_t i = 0; i < TOKEN_LENGTH; i++) {
		memcpy(near, token->text, sizeof(near));
		near[i] ^= 1;
		check(!tokens_find(&tokens, near), "one bit off at %zu", i);
	}
	tokens_done(&tokens);
}

int main(void)
{
	test_life();
	test_refused();
	return tap_done();
}
