/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/token.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

/* 32 letters of the 36 allowed ones, so that each is five random bits: 80 in all. */
static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static bool draw(char text[TOKEN_LENGTH + 1], struct error *err)
{
	unsigned char random[TOKEN_LENGTH];

	/* At an early boot this waits until the kernel has gathered enough. */
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_sys(err, "getrandom");
	for (size_t i = 0; i < TOKEN_LENGTH; i++)
		text[i] = letters[random[i] % 32];
	text[TOKEN_LENGTH] = '\0';
	return true;
}

bool tokens_issue(struct tokens *tokens, const char *name, enum token_kind kind,
		  const struct token **result, struct error *err)
{
	char text[TOKEN_LENGTH + 1];

	if (!draw(text, err))
		return error_in(err, "token for %s", name);
	tokens_revoke(tokens, name);

	struct token *token = mem_alloc(sizeof(*token));

	memcpy(token->text, text, sizeof(text));
	token->kind = kind;
	token->name = mem_strdup(name);
	token->next = tokens->first;
	tokens->first = token;
	*result = token;
	return true;
}

static void token_free(struct token *token)
{
	explicit_bzero(token->text, sizeof(token->text));
	free(token->name);
	free(token);
}

void tokens_revoke(struct tokens *tokens, const char *name)
{
	for (struct token **link = &tokens->first; *link; link = &(*link)->next) {
		struct token *token = *link;

		if (strcmp(token->name, name) == 0) {
			*link = token->next;
			token_free(token);
			return;
		}
	}
}

/* Looks at every byte, whatever the first ones are. */
static bool is_same(const char *a, const char *b)
{
	unsigned char difference = 0;

	for (size_t i = 0; i < TOKEN_LENGTH; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return difference == 0;
}

const struct token *tokens_find(const struct tokens *tokens, const char *text)
{
	const struct token *found = NULL;

	if (strlen(text) != TOKEN_LENGTH)
		return NULL;
	for (const struct token *token = tokens->first; token; token = token->next)
		if (is_same(token->text, text))
			found = token;
	return found;
}

const struct token *tokens_of(const struct tokens *tokens, const char *name)
{
	for (const struct token *token = tokens->first; token; token = token->next)
		if (strcmp(token->name, name) == 0)
			return token;
	return NULL;
}

void tokens_done(struct tokens *tokens)
{
	while (tokens->first)
		tokens_revoke(tokens, tokens->first->name);
}
