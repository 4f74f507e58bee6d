/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/asking.h"
#include "cli/credentials.h"
#include "cli/credhelper.h"
#include "cli/dockerconfig.h"
#include "cli/verify.h"

#define SECRET_MAX (16 << 10) /* ECR's passwords are about 2500 characters */

struct values {
	const char *username, *password;
	bool reads_stdin;
};

static const struct opt opts[] = {
	{ "password", 'p', OPT_TEXT, offsetof(struct values, password), "string",
	  "Password or Personal Access Token (PAT)", NULL },
	{ "password-stdin", 0, OPT_BOOL, offsetof(struct values, reads_stdin), NULL,
	  "Take the Password or Personal Access Token (PAT) from stdin", NULL },
	{ "username", 'u', OPT_TEXT, offsetof(struct values, username), "string", "Username",
	  NULL },
	{ .name = NULL },
};

static bool check_values(const struct values *values, struct error *err)
{
	if (values->password && values->reads_stdin)
		return error_set(err, ERROR_INPUT,
				 "conflicting options: cannot specify both --password and "
				 "--password-stdin");
	if (values->reads_stdin && !values->username)
		return error_set(err, ERROR_INPUT,
				 "the --password-stdin option requires --username to be set");
	/* A variable that is not set: to ask for it would wait for nobody. */
	if (values->username && !*values->username)
		return error_set(err, ERROR_INPUT, "username is empty");
	if (values->password && !*values->password)
		return error_set(err, ERROR_INPUT, "password is empty");
	if (values->password)
		fprintf(stderr, "WARNING! Using --password via the CLI is insecure. Use "
				"--password-stdin.\n");
	return true;
}

/* All of stdin but for one newline at its end. */
static bool read_stdin(struct arena *arena, struct dockerconfig_login *login, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, SECRET_MAX);
	if (!file_read_fd(STDIN_FILENO, "the password on stdin", &text, err))
		return false;
	char *secret = arena_strdup(arena, text.data ? text.data : "");
	size_t length = strlen(secret);

	if (length && secret[length - 1] == '\n')
		secret[--length] = '\0';
	if (length && secret[length - 1] == '\r')
		secret[--length] = '\0';
	if (length != text.length && strlen(text.data) != text.length)
		return error_set(err, ERROR_INPUT, "the password on stdin holds a NUL");
	login->password = secret;
	return length > 0 || error_set(err, ERROR_INPUT, "the password on stdin is empty");
}

static bool ask(struct arena *arena, const char *prompt, bool is_secret, const char **answer,
		struct error *err)
{
	autobuf struct buf line;

	buf_init(&line, SECRET_MAX);
	if (!asking_line(prompt, is_secret, &line, err))
		return false;
	*answer = arena_strdup(arena, line.data ? line.data : "");
	return **answer || error_set(err, ERROR_INPUT, "%snothing was entered", prompt);
}

/* An empty answer is `known`, the name of a login that was good once ("": none). */
static bool ask_name(struct arena *arena, const char *known, const char **name, struct error *err)
{
	autobuf struct buf line;

	buf_init(&line, SECRET_MAX);
	if (!*known)
		return ask(arena, "Username: ", false, name, err);
	if (!asking_line(arena_printf(arena, "Username (%s): ", known), false, &line, err))
		return false;
	*name = line.length ? arena_strndup(arena, line.data, line.length) : known;
	return true;
}

static bool ask_missing(struct arena *arena, const char *known, struct dockerconfig_login *login,
			struct error *err)
{
	if (!isatty(STDIN_FILENO))
		return error_set(
			err, ERROR_INPUT,
			"Error: Cannot perform an interactive login from a non TTY device");
	return (*login->username || ask_name(arena, known, &login->username, err)) &&
	       ask(arena, "Password: ", true, &login->password, err);
}

static void tell_stored(const struct dockerconfig_login *login)
{
	printf("Authenticating with existing credentials...");
	if (*login->username)
		printf(" [Username: %s]", login->username);
	printf("\nTo login with a different account, run 'docker logout' followed by "
	       "'docker login'\n\n");
	fflush(stdout);
}

/* What the options, stdin, an earlier login or the user say. */
static bool gather(const struct cli *cli, const struct values *values, struct arena *arena,
		   const char *server, struct dockerconfig_login *login, bool *is_stored,
		   struct error *err)
{
	*is_stored = false;
	if (!values->username && !values->password) {
		if (!credentials_find(arena, cli->docker_config, server, login, is_stored, err))
			return false;
		*is_stored = *is_stored && (*login->username || login->identity_token);
		if (*is_stored) {
			tell_stored(login);
			return true;
		}
	}
	*login =
		(struct dockerconfig_login){ .username = values->username ? values->username : "",
					     .password = values->password ? values->password : "" };
	if (values->reads_stdin)
		return read_stdin(arena, login, err);
	return (*login->username && *login->password) || ask_missing(arena, "", login, err);
}

static void warn_unencrypted(const char *directory)
{
	fprintf(stderr,
		"\nWARNING! Your credentials are stored unencrypted in '%s/config.json'.\n"
		"Configure a credential helper to remove this warning. See\n"
		"https://docs.docker.com/go/credential-store/\n\n",
		directory);
}

static bool keep(const struct cli *cli, const char *server, const struct dockerconfig_login *login,
		 struct error *err)
{
	const struct dockerconfig_login nothing = { .username = "", .password = "" };
	autoarena struct arena arena = { 0 };
	const struct json *root;
	const char *helper;

	if (!dockerconfig_read(&arena, cli->docker_config, &root, err) ||
	    !dockerconfig_helper(root, server, &helper, err))
		return false;
	if (helper)
		return credhelper_store(helper, dockerconfig_key(&arena, server), login, err) &&
		       dockerconfig_write(cli->docker_config, server, &nothing, err);
	if (!dockerconfig_write(cli->docker_config, server, login, err))
		return false;
	warn_unencrypted(cli->docker_config);
	return true;
}

/* The registry's domain: what the user typed without scheme and path; the Hub if nothing. */
static const char *domain_of(struct arena *arena, const struct texts *arguments)
{
	const char *key =
		dockerconfig_key(arena, arguments->count ? arguments->items[0] : "docker.io");

	return strcmp(key, DOCKERCONFIG_HUB) == 0 ? "docker.io" : key;
}

/* A stored login that is refused makes room for one that the user is asked for. */
static bool replace_stored(struct arena *arena, const struct error *why,
			   struct dockerconfig_login *login, struct error *err)
{
	const char *known = login->username;

	fprintf(stderr, "Login did not succeed, error: Error response from daemon: %s\n",
		why->text);
	*login = (struct dockerconfig_login){ .username = "", .password = "" };
	return ask_missing(arena, known, login, err);
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoarena struct arena arena = { 0 };
	const char *domain = domain_of(&arena, arguments);
	struct dockerconfig_login login;
	const char *identity_token;
	struct error err, why;
	bool is_stored;

	dockerconfig_warn_environment();
	if (!check_values(values, &err) ||
	    !gather(cli, values, &arena, domain, &login, &is_stored, &err))
		return command_failed_plainly(&err);
	bool is_good = verify_login(cli, &arena, domain, &login, &identity_token, &err);

	if (!is_good && is_stored) {
		why = err;
		if (!replace_stored(&arena, &why, &login, &err))
			return command_failed_plainly(&err);
		is_good = verify_login(cli, &arena, domain, &login, &identity_token, &err);
	}
	if (!is_good)
		return command_failed(&err);
	if (identity_token) { /* then nobody needs to keep the password */
		login.identity_token = identity_token;
		login.password = "";
	}
	if (!keep(cli, domain, &login, &err))
		return command_failed_plainly(&err);
	printf("Login Succeeded\n");
	return 0;
}

const struct command cmd_login = {
	.name = "docker login",
	.usage = "[OPTIONS] [SERVER]",
	.summary = "Authenticate to a registry",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = 1,
	.is_for_anyone = true,
	.run = run,
};
