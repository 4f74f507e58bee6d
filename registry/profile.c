/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/profile.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *key;
	size_t place;
} members[] = {
	{ "aws_access_key_id", offsetof(struct profile, access_key_id) },
	{ "aws_secret_access_key", offsetof(struct profile, secret_access_key) },
	{ "aws_session_token", offsetof(struct profile, session_token) },
	{ "role_arn", offsetof(struct profile, role_arn) },
	{ "source_profile", offsetof(struct profile, source_profile) },
	{ "role_session_name", offsetof(struct profile, role_session_name) },
	{ "external_id", offsetof(struct profile, external_id) },
	{ "web_identity_token_file", offsetof(struct profile, web_identity_token_file) },
	{ "credential_process", offsetof(struct profile, credential_process) },
	{ "credential_source", offsetof(struct profile, credential_source) },
	{ "region", offsetof(struct profile, region) },
	{ "use_fips_endpoint", offsetof(struct profile, use_fips_endpoint) },
	{ "use_dualstack_endpoint", offsetof(struct profile, use_dualstack_endpoint) },
};

/* Without blanks at both ends; in place. */
static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t\r");
	length = strlen(text);
	while (length > 0 && strchr(" \t\r", text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

/* "[profile x]" or "[x]" */
static bool is_section(char *line, const char *name)
{
	char *end = strchr(line, ']');
	char *inside = line + 1;

	if (!end)
		return false;
	*end = '\0';
	inside = trim(inside);
	if (strncmp(inside, "profile", 7) == 0 && strchr(" \t", inside[7]) && inside[7])
		inside = trim(inside + 7);
	return strcmp(inside, name) == 0;
}

static void take(struct arena *arena, char *line, struct profile *profile)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return;
	*equals = '\0';
	const char *key = trim(line), *value = trim(equals + 1);

	for (size_t i = 0; i < COUNT_OF(members); i++) {
		const char **member = (const char **)((char *)profile + members[i].place);

		if (strcmp(key, members[i].key) == 0 && !*member && *value)
			*member = arena_strdup(arena, value);
	}
}

bool profile_read(struct arena *arena, const char *text, const char *name, struct profile *profile)
{
	autofree char *copy = mem_strdup(text);
	char *rest = copy;
	bool is_inside = false, is_found = false;

	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		/* Lines with blanks before them belong to the key above, which is none of ours. */
		if (strchr("#; \t\r", line[0]))
			continue;
		if (line[0] == '[') {
			is_inside = is_section(line, name);
			is_found |= is_inside;
		} else if (is_inside)
			take(arena, line, profile);
	}
	explicit_bzero(copy, strlen(text));
	return is_found;
}
