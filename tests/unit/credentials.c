/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "tap.h"

/* The file `name` in this test's directory. */
static void put(const char *name, const char *text, mode_t mode)
{
	struct error err;
	autofree char *path = mem_printf("%s/%s", tap_dir(), name);

	if (!file_replace(AT_FDCWD, path, text, strlen(text), mode, FILE_VOLATILE, &err))
		check_ok(false, &err, "write %s", name);
}

static void drop(const char *name)
{
	autofree char *path = mem_printf("%s/%s", tap_dir(), name);

	unlink(path);
}

static void check_login(const char *host, const char *username, const char *password,
			const char *token)
{
	autoarena struct arena arena = { 0 };
	struct dockerconfig_login login;
	struct error err;
	bool is_found;

	if (!check_ok(credentials_find(&arena, tap_dir(), host, &login, &is_found, &err), &err,
		      "look for %s", host))
		return;
	check_int(is_found, username != NULL, "whether there is a login for %s", host);
	if (!is_found || !username)
		return;
	check_text(login.username, username, "user name for %s", host);
	check_text(login.password, password, "password for %s", host);
	check_text(login.identity_token, token, "identity token for %s", host);
}

static void check_refused(const char *config, const char *part)
{
	autoarena struct arena arena = { 0 };
	struct dockerconfig_login login;
	struct error err;
	bool is_found;

	put("config.json", config, 0600);
	check_error(credentials_find(&arena, tap_dir(), "h", &login, &is_found, &err), &err,
		    ERROR_INPUT, part, "%s", config);
}

static void test_find(void)
{
	check_login("h", NULL, NULL, NULL);
	put("config.json",
	    "{\"auths\":{\"h:5000\":{\"auth\":\"dXNlcjpwYTpzcw==\"},"
	    "\"https://r.example/v1/\":{\"auth\":\"YTpi\"},"
	    "\"https://index.docker.io/v1/\":{\"username\":\"n\",\"password\":\"p\"},"
	    "\"t\":{\"auth\":\"PHRva2VuPjo=\",\"identitytoken\":\"tok\"},"
	    "\"old\":{\"auth\":\"YTpiAAA=\"},\"empty\":{}}}",
	    0600);
	check_login("h:5000", "user", "pa:ss", NULL);
	check_login("h", NULL, NULL, NULL);
	check_login("r.example", "a", "b", NULL);
	check_login("docker.io", "n", "p", NULL);
	check_login("t", "<token>", "", "tok");
	check_login("old", "a", "b", NULL);
	check_login("empty", NULL, NULL, NULL);
	setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"h\":{\"auth\":\"ZTp2\"}}}", 1);
	check_login("h", "e", "v", NULL);
	check_login("r.example", "a", "b", NULL);
	unsetenv("DOCKER_AUTH_CONFIG");
}

static void test_wrong_files(void)
{
	check_refused("", "config.json");
	check_refused("{", "config.json");
	check_refused("[]", "expected an object");
	check_refused("{\"auths\":[]}", "auths: expected an object");
	check_refused("{\"auths\":{\"h\":1}}", "auths.h: expected an object");
	check_refused("{\"auths\":{\"h\":{\"auth\":\"***\"}}}", "auths.h.auth: not Base64");
	check_refused("{\"auths\":{\"h\":{\"auth\":\"bm9jb2xvbg==\"}}}", "NAME:PASSWORD");
	check_refused("{\"auths\":{\"h\":{\"auth\":\"OnB3\"}}}", "NAME:PASSWORD");
	check_refused("{\"credsStore\":\"../x\"}", "no program name");
	drop("config.json");
}

static void test_write(void)
{
	const struct dockerconfig_login login = { .username = "user", .password = "secret" };
	autofree char *path = mem_printf("%s/config.json", tap_dir());
	autobuf struct buf text;
	struct error err;
	struct stat status;

	buf_init(&text, 4096);
	put("config.json",
	    "{\"credHelpers\":{\"x\":\"y\"},\"auths\":{\"other\":{\"auth\":\"YTpi\"}}}", 0644);
	check_ok(dockerconfig_write(tap_dir(), "127.0.0.1:5001", &login, &err), &err, "write");
	check_ok(file_read(AT_FDCWD, path, &text, &err), &err, "read");
	check_text(text.data,
		   "{\n\t\"auths\": {\n\t\t\"other\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t},\n"
		   "\t\t\"127.0.0.1:5001\": {\n\t\t\t\"auth\": \"dXNlcjpzZWNyZXQ=\"\n\t\t}\n\t},\n"
		   "\t\"credHelpers\": {\n\t\t\"x\": \"y\"\n\t}\n}\n",
		   "all else stays");
	check_int(stat(path, &status) == 0 ? status.st_mode & 0777 : 0, 0600, "its mode");
	check_login("127.0.0.1:5001", "user", "secret", NULL);
	check_ok(dockerconfig_write(tap_dir(), "127.0.0.1:5001", NULL, &err), &err, "remove");
	check_login("127.0.0.1:5001", NULL, NULL, NULL);
	check_login("other", "a", "b", NULL);
	drop("config.json");
}

static void test_keys(void)
{
	static const char *const pairs[][2] = {
		{ "https://1.dkr.ecr.eu-west-1.amazonaws.com",
		  "1.dkr.ecr.eu-west-1.amazonaws.com" },
		{ "http://h:5000/v2/", "h:5000" },
		{ "h:5000", "h:5000" },
		{ "docker.io", DOCKERCONFIG_HUB },
		{ "index.docker.io", DOCKERCONFIG_HUB },
		{ DOCKERCONFIG_HUB, DOCKERCONFIG_HUB },
	};
	autoarena struct arena arena = { 0 };

	for (size_t i = 0; i < COUNT_OF(pairs); i++)
		check_text(dockerconfig_key(&arena, pairs[i][0]), pairs[i][1], "key of %s",
			   pairs[i][0]);
}

static void check_settings(const char *want)
{
	const struct credentials_places places = { .docker_config = tap_dir(),
						   .config = tap_dir() };
	autobuf struct buf settings;
	struct error err;

	buf_init(&settings, 4096);
	if (check_ok(credentials_settings(&places, "h", &settings, &err), &err, "settings"))
		check_text(settings.data, want, "their text");
}

static void test_settings(void)
{
	static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
					     "AWS_SESSION_TOKEN", "HTTP_PROXY",
					     "HTTPS_PROXY",       "NO_PROXY",
					     "http_proxy",        "https_proxy",
					     "no_proxy" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		unsetenv(names[i]);
	check_settings("{\"proxy\":{}}");
	put("config.json",
	    "{\"auths\":{\"h\":{\"auth\":\"YTpi\"},\"other\":{\"auth\":\"YzpkCg==\"}}}", 0600);
	put("daemon.json", "{\"insecure-registries\":[\"r:5000\"],\"debug\":true}", 0600);
	setenv("AWS_ACCESS_KEY_ID", "AK", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "SK", 1);
	setenv("HTTPS_PROXY", "http://p:3128", 1);
	setenv("https_proxy", "http://not-this", 1);
	setenv("no_proxy", "localhost", 1);
	check_settings("{\"auths\":{\"h\":{\"username\":\"a\",\"password\":\"b\"}},"
		       "\"aws\":{\"access_key_id\":\"AK\",\"secret_access_key\":\"SK\"},"
		       "\"proxy\":{\"https\":\"http://p:3128\",\"no_proxy\":\"localhost\"},"
		       "\"insecure\":[\"r:5000\"]}");
}

static void test_helper(void)
{
	autofree char *path = mem_printf("%s:%s", tap_dir(), getenv("PATH"));
	struct error err;

	setenv("PATH", path, 1);
	put("docker-credential-test",
	    "#!/bin/sh\nread -r server\ncase \"$1:$server\" in\n"
	    "get:kept) echo '{\"ServerURL\":\"kept\",\"Username\":\"u\",\"Secret\":\"s\"}' ;;\n"
	    "get:token) echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}' ;;\n"
	    "get:broken) echo 'the keychain is locked'; exit 1 ;;\n"
	    "*) echo 'credentials not found in native keychain'; exit 1 ;;\nesac\n",
	    0700);
	put("config.json", "{\"credsStore\":\"test\",\"credHelpers\":{\"none\":\"missing\"}}",
	    0600);
	check_login("kept", "u", "s", NULL);
	check_login("token", "", "", "t");
	check_login("unknown", NULL, NULL, NULL);

	autoarena struct arena arena = { 0 };
	struct dockerconfig_login found;
	bool is_found;

	check_error(credentials_find(&arena, tap_dir(), "broken", &found, &is_found, &err), &err,
		    ERROR_DENIED, "the keychain is locked", "a helper that fails");
	check_error(credentials_find(&arena, tap_dir(), "none", &found, &is_found, &err), &err,
		    ERROR_NOT_FOUND, "docker-credential-missing", "a helper that is not there");
}

int main(void)
{
	unsetenv("DOCKER_AUTH_CONFIG");
	test_find();
	test_wrong_files();
	test_write();
	test_keys();
	test_settings();
	test_helper();
	return tap_done();
}
