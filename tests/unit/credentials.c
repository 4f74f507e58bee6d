/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/credentials.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "registry/gather.h"
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
	static const char *const blanks[] = { "", " \n\t", "null", "{}" };

	check_login("h", NULL, NULL, NULL);
	for (size_t i = 0; i < COUNT_OF(blanks); i++) {
		put("config.json", blanks[i], 0600);
		check_login("h", NULL, NULL, NULL);
	}
	put("config.json",
	    "{\"auths\":{\"h:5000\":{\"auth\":\"dXNlcjpwYTpzcw==\"},"
	    "\"https://r.example/v1/\":{\"auth\":\"YTpi\"},"
	    "\"https://index.docker.io/v1/\":{\"username\":\"n\",\"password\":\"p\"},"
	    "\"t\":{\"auth\":\"PHRva2VuPjo=\",\"identitytoken\":\"tok\"},"
	    "\"old\":{\"auth\":\"YTpiAAA=\"},\"empty\":{},"
	    "\"q/b\":{\"auth\":\"YjpC\"},\"q/a/b\":{\"auth\":\"YTpB\"},"
	    "\"q\":{\"auth\":\"cTpR\"},\"p/x\":{\"auth\":\"cDpQ\"},"
	    "\"docker.io/a\":{\"auth\":\"ZDpE\"}}}",
	    0600);
	check_login("h:5000", "user", "pa:ss", NULL);
	check_login("h", NULL, NULL, NULL);
	check_login("r.example", "a", "b", NULL);
	check_login("docker.io", "n", "p", NULL);
	check_login("t", "<token>", "", "tok");
	check_login("old", "a", "b", NULL);
	check_login("empty", NULL, NULL, NULL);
	check_login("q", "q", "Q", NULL);
	check_login("q/a", "q", "Q", NULL);
	check_login("q/a/b", "a", "A", NULL);
	check_login("q/a/b/c", "a", "A", NULL);
	check_login("q/ab", "q", "Q", NULL);
	check_login("q/b/c", "b", "B", NULL);
	check_login("p/x/y", "p", "P", NULL);
	check_login("p/y", NULL, NULL, NULL);
	check_login("p/xy", NULL, NULL, NULL);
	check_login("p", NULL, NULL, NULL);
	check_login("r.example/y", "a", "b", NULL);
	check_login("docker.io/a/x", "d", "D", NULL);
	check_login("docker.io/library/x", "n", "p", NULL);
	setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"h\":{\"auth\":\"ZTp2\"}}}", 1);
	check_login("h", "e", "v", NULL);
	check_login("r.example", "a", "b", NULL);
	setenv("DOCKER_AUTH_CONFIG", "{", 1); /* warned about */
	check_login("r.example", "a", "b", NULL);
	unsetenv("DOCKER_AUTH_CONFIG");
}

static void test_wrong_files(void)
{
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
	    "{\"credHelpers\":{\"x\":\"y\"},\"auths\":{\"other\":{\"auth\":\"YTpi\"},"
	    "\"127.0.0.1:5001/v1/\":{},\"127.0.0.1:5001/x\":{\"auth\":\"YTpi\"}}}",
	    0644);
	check_ok(dockerconfig_write(tap_dir(), "127.0.0.1:5001", &login, &err), &err, "write");
	check_ok(file_read(AT_FDCWD, path, &text, &err), &err, "read");
	check_text(text.data,
		   "{\n\t\"auths\": {\n\t\t\"other\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t},\n"
		   "\t\t\"127.0.0.1:5001/v1/\": {},\n"
		   "\t\t\"127.0.0.1:5001/x\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t},\n"
		   "\t\t\"127.0.0.1:5001\": {\n\t\t\t\"auth\": \"dXNlcjpzZWNyZXQ=\"\n\t\t}\n\t},\n"
		   "\t\"credHelpers\": {\n\t\t\"x\": \"y\"\n\t}\n}\n",
		   "all else stays");
	check_int(stat(path, &status) == 0 ? status.st_mode & 0777 : 0, 0600, "its mode");
	check_login("127.0.0.1:5001", "user", "secret", NULL);
	check_ok(dockerconfig_write(tap_dir(), "127.0.0.1:5001", NULL, &err), &err, "remove");
	buf_clear(&text);
	check_ok(file_read(AT_FDCWD, path, &text, &err), &err, "read");
	check(!strstr(text.data, "5001/v1/") && !strstr(text.data, "5001\""),
	      "gone by all its names");
	check_login("127.0.0.1:5001/x", "a", "b", NULL);
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

#define ECR "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

static const char *const variables[] = {
	"AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN",
	"AWS_PROFILE",
	"AWS_REGION",
	"AWS_DEFAULT_REGION",
	"AWS_ROLE_ARN",
	"AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_ENDPOINT_URL",
	"AWS_ENDPOINT_URL_ECR",
	"AWS_ENDPOINT_URL_STS",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_EC2_METADATA_DISABLED",
	"HTTP_PROXY",
	"HTTPS_PROXY",
	"NO_PROXY",
	"http_proxy",
	"https_proxy",
	"no_proxy",
	"SSL_CERT_FILE",
};

static void forget_environment(void)
{
	for (size_t i = 0; i < COUNT_OF(variables); i++)
		unsetenv(variables[i]);
	setenv("HOME", tap_dir(), 1);
}

/* `want` is the settings' text, or a part of the refusal. */
static void check_settings(const char *host, bool is_wanted, const char *want)
{
	const struct credentials_places places = { .docker_config = tap_dir(),
						   .config = tap_dir() };
	struct credentials credentials;
	struct error err;
	bool is_ok = credentials_gather(&places, host, "team/tool", &credentials, &err);

	if (!is_wanted) {
		check_error(is_ok, &err, ERROR_INPUT, want, "settings for %s", host);
		return;
	}
	if (check_ok(is_ok, &err, "settings for %s", host))
		check_text(credentials.settings.data, want, "their text");
	credentials_done(NULL, &credentials);
}

#define INSECURE(names)                                                                            \
	"{\"auths\":{},\"certs\":{},\"insecure\":[" names "],\"patience\":{},\"proxy\":{}}"

static void check_insecure(const char *entry, const char *part)
{
	autofree char *text = mem_printf("{\"insecure-registries\":[\"%s\"]}", entry);

	put("daemon.json", text, 0600);
	check_settings("h", false, part);
}

static void test_settings(void)
{
	forget_environment();
	check_settings("h", true,
		       "{\"auths\":{},\"certs\":{},\"insecure\":[],\"patience\":{},\"proxy\":{}}");
	put("config.json",
	    "{\"auths\":{\"h\":{\"auth\":\"YTpi\"},\"other\":{\"auth\":\"YzpkCg==\"},"
	    "\"m:5000\":{\"auth\":\"YTpi\"}}}",
	    0600);
	put("daemon.json",
	    "{\"insecure-registries\":[\"r:5000\"],\"debug\":true,"
	    "\"registry-mirrors\":[\"https://m:5000/\"],"
	    "\"proxies\":{\"http-proxy\":\"http://d\",\"https-proxy\":\"http://d\"},"
	    "\"max-download-attempts\":7,\"max-concurrent-downloads\":2,"
	    "\"download\":{\"bytes-per-second\":\"500k\",\"metered\":true,\"stall-timeout\":9}}",
	    0600);
	setenv("HTTPS_PROXY", "http://p:3128", 1);
	setenv("https_proxy", "http://not-this", 1);
	setenv("no_proxy", "localhost", 1);
#define COMMON                                                                                     \
	"\"bytes_per_second\":512000,\"metered\":true,"                                            \
	"\"patience\":{\"attempts\":7,\"stall_seconds\":9},\"parallel\":2,"                        \
	"\"proxy\":{\"http\":\"http://d\",\"https\":\"http://"                                     \
	"p:3128\",\"no_proxy\":\"localhost\"}}"
	check_settings("h", true,
		       "{\"auths\":{\"h\":{\"username\":\"a\",\"password\":\"b\"}},\"certs\":{},"
		       "\"insecure\":[\"r:5000\"]," COMMON);
	check_settings("docker.io", true,
		       "{\"auths\":{\"m:5000\":{\"username\":\"a\",\"password\":\"b\"}},"
		       "\"certs\":{},\"insecure\":[\"r:5000\"],"
		       "\"mirrors\":{\"docker.io\":[\"https://m:5000/\"]}," COMMON);
	forget_environment();
	put("daemon.json", "{\"insecure-registries\":[\"10.0.0.0/8\",\"r:1\",\"fd00::/8\"]}", 0600);
	check_settings("10.9.8.7:5000", true, INSECURE("\"10.9.8.7:5000\",\"r:1\""));
	check_settings("11.9.8.7:5000", true, INSECURE("\"r:1\""));
	check_settings("[fd00::1]:5000", true, INSECURE("\"r:1\",\"[fd00::1]:5000\""));
	put("daemon.json",
	    "{\"insecure-registries\":[\"http://a\",\"HTTPS://b:1\",\"fd00::1\",\"[fd00::1]:80\","
	    "\"10.0.0.1/24\"]}",
	    0600);
	check_settings("10.0.0.9", true,
		       INSECURE("\"a\",\"b:1\",\"fd00::1\",\"[fd00::1]:80\",\"10.0.0.9\""));
	check_settings("x.localhost:5000", true,
		       "{\"auths\":{},\"certs\":{},\"insecure\":[\"a\",\"b:1\",\"fd00::1\","
		       "\"[fd00::1]:80\"],\"local\":[\"x.localhost:5000\"],\"patience\":{},"
		       "\"proxy\":{}}");
	check_insecure("svn://a", "should not contain '://'");
	check_insecure("-a", "Cannot begin or end with a hyphen");
	check_insecure("a-.com", "invalid host");
	check_insecure("1200:0:AB00:1234:0:2552:7777:1313:8080", "invalid host");
	check_insecure("[fe80::]/64", "invalid host");
	check_insecure("'a'", "invalid host");
	check_insecure("a:500000", "invalid port");
	check_insecure("", "invalid host");
	put("daemon.json", "{\"insecure-registries\":[\"127.0.0.0/8\"]}", 0600);
	check_settings("localhost:5000", true, INSECURE("\"localhost:5000\""));
	put("daemon.json", "{\"download\":{\"bytes-per-second\":\"fast\"}}", 0600);
	check_settings("h", false, "daemon.json: download.bytes-per-second");
	drop("daemon.json");
	drop("config.json");
}

static void make_directory(const char *name)
{
	autofree char *path = mem_printf("%s/%s", tap_dir(), name);

	mkdir(path, 0755);
}

static void test_certs(void)
{
	forget_environment();
	make_directory("certs.d");
	make_directory("certs.d/h:1");
	put("certs.d/h:1/b.crt", "B", 0644);
	put("certs.d/h:1/a.crt", "A", 0644);
	put("certs.d/h:1/c.cert", "C", 0644);
	check_settings("h:1", false, "c.cert is there, but c.key is not");
	put("certs.d/h:1/c.key", "K", 0600);
	put("certs.d/h:1/readme", "", 0644);
	check_settings("h:1", true,
		       "{\"auths\":{},\"certs\":{\"h:1\":{\"ca\":\"A\\nB\",\"clients\":[{"
		       "\"name\":\"c.cert\",\"certificate\":\"C\",\"key\":\"K\"}]}},\"insecure\":[]"
		       ",\"patience\":{},\"proxy\":{}}");
	check_settings("h", true,
		       "{\"auths\":{},\"certs\":{},\"insecure\":[],\"patience\":{},\"proxy\":{}}");
	drop("certs.d/h:1/c.cert");
	check_settings("h:1", false, "c.key is there, but c.cert is not");
}

#define BEFORE_AWS "{\"auths\":{},\"certs\":{},\"insecure\":[],\"patience\":{},\"proxy\":{},"
#define AFTER_AWS  ",\"tells_learnt\":true}"
#define IMDS       "{\"kind\":\"imds\",\"url\":\"http://169.254.169.254\"}"

static void test_aws_environment(void)
{
	forget_environment();
	check_settings(ECR, true, BEFORE_AWS "\"aws_providers\":[" IMDS "],\"ecr\":{}" AFTER_AWS);
	setenv("AWS_ACCESS_KEY_ID", "AK", 1);
	check_settings(ECR, false, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
	setenv("AWS_SECRET_ACCESS_KEY", "SK", 1);
	setenv("AWS_ENDPOINT_URL", "http://e/", 1);
	check_settings(
		ECR, true,
		BEFORE_AWS
		"\"aws\":{\"access_key_id\":\"AK\",\"secret_access_key\":\"SK\"},"
		"\"ecr\":{\"endpoint\":\"http://e\",\"public_endpoint\":\"http://e\"}" AFTER_AWS);
	forget_environment();
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost:1234/x", 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "tok", 1);
	check_settings(
		ECR, true,
		BEFORE_AWS
		"\"aws_providers\":[{\"kind\":\"container\",\"url\":\"http://localhost:1234/x\","
		"\"authorization\":\"tok\"}],\"ecr\":{}" AFTER_AWS);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nX: y", 1);
	check_settings(ECR, false, "a line's end");
	unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	static const char *const unsafe[] = { "http://example.com/",
					      "http://127.0.0.1@example.com/",
					      "http://127.0.0.1.example.com/",
					      "file:///etc/passwd",
					      "http://[::2]/",
					      "http://169.254.169.254/" };

	for (size_t i = 0; i < COUNT_OF(unsafe); i++) {
		setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", unsafe[i], 1);
		check_settings(ECR, false, "neither https nor this machine's own");
	}
}

static void test_aws_files(void)
{
	forget_environment();
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	make_directory(".aws");
	put(".aws/credentials",
	    "# comment\n[default]\naws_access_key_id = AK\naws_secret_access_key=S=K \n"
	    "[other]\naws_access_key_id=OK\naws_secret_access_key=OS\naws_session_token=T\n",
	    0600);
	put(".aws/config",
	    "[default]\nregion=eu-west-1\ns3 =\n  region = no\n[profile role]\nrole_arn=arn:r\n"
	    "source_profile=other\nexternal_id=e\n[profile p]\n"
	    "credential_process=printf '{\"AccessKeyId\":\"PK\",\"SecretAccessKey\":\"PS\"}'\n"
	    "[profile bad]\ncredential_process=exit 3\n"
	    "[profile ec2]\nrole_arn=arn:r\ncredential_source=Ec2InstanceMetadata\n"
	    "[profile ecs]\nrole_arn=arn:r\ncredential_source = EcsContainer\n"
	    "[profile odd]\nrole_arn=arn:r\ncredential_source=Elsewhere\n"
	    "[profile none]\nrole_arn=arn:r\n"
	    "[profile fips]\nuse_fips_endpoint=true\nuse_dualstack_endpoint = true\n",
	    0600);
	check_settings(ECR, true,
		       BEFORE_AWS
		       "\"aws\":{\"access_key_id\":\"AK\",\"secret_access_key\":\"S=K\"},"
		       "\"ecr\":{}" AFTER_AWS);
	setenv("AWS_PROFILE", "role", 1);
	setenv("AWS_REGION", "cn-north-1", 1);
	check_settings(
		ECR, true,
		BEFORE_AWS
		"\"aws_providers\":[{\"kind\":\"role\","
		"\"url\":\"https://sts.cn-north-1.amazonaws.com.cn/\",\"role_arn\":\"arn:r\","
		"\"session_name\":\"mooring\",\"external_id\":\"e\",\"region\":\"cn-north-1\","
		"\"access_key_id\":\"OK\",\"secret_access_key\":\"OS\",\"session_token\":\"T\"}],"
		"\"ecr\":{}" AFTER_AWS);
	setenv("AWS_PROFILE", "p", 1);
	check_settings(ECR, true,
		       BEFORE_AWS "\"aws\":{\"access_key_id\":\"PK\",\"secret_access_key\":\"PS\"},"
				  "\"ecr\":{}" AFTER_AWS);
}

#define ROLE                                                                                       \
	"\"aws_providers\":[{\"kind\":\"role\",\"url\":\"https://sts.cn-north-1.amazonaws.com.cn/" \
	"\","                                                                                      \
	"\"role_arn\":\"arn:r\",\"session_name\":\"mooring\",\"region\":\"cn-north-1\","           \
	"\"source\":"

/* After test_aws_files. */
static void test_credential_source(void)
{
	setenv("AWS_PROFILE", "ecs", 1);
	check_settings(ECR, false, "its credential_source EcsContainer is not there");
	setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", 1);
	check_settings(ECR, true,
		       BEFORE_AWS ROLE
		       "{\"kind\":\"container\",\"url\":\"http://169.254.170.2/x\"}},"
		       "{\"kind\":\"container\",\"url\":\"http://169.254.170.2/x\"}],"
		       "\"ecr\":{}" AFTER_AWS);
	unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	setenv("AWS_PROFILE", "ec2", 1);
	check_settings(ECR, false, "its credential_source Ec2InstanceMetadata is not there");
	unsetenv("AWS_EC2_METADATA_DISABLED");
	check_settings(ECR, true, BEFORE_AWS ROLE IMDS "}," IMDS "],\"ecr\":{}" AFTER_AWS);
	setenv("AWS_PROFILE", "odd", 1);
	check_settings(ECR, false, "credential_source is Elsewhere, not Environment");
	setenv("AWS_PROFILE", "none", 1);
	check_settings(ECR, false, "its role_arn needs a source_profile or a credential_source");
}

static void check_s3(const struct gather_s3 *known, const char *expected)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	struct jsonout out;
	struct error err;

	buf_init(&text, 4096);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	check_ok(gather_s3(&out, &arena, known, &err), &err, "gather for S3");
	jsonout_object_end(&out);
	jsonout_done(&out);
	check_text(text.data, expected, "what is told of S3");
}

static void test_s3(void)
{
	const struct gather_s3 nothing = { 0 };
	const struct gather_s3 told = {
		.endpoint = "http://own", .region = "r", .has_path_style = true, .is_fips = true
	};

	forget_environment();
	setenv("AWS_REGION", "eu-west-1", 1);
	check_s3(&nothing, "{\"s3\":{\"region\":\"eu-west-1\",\"path_style\":false,\"fips\":false,"
			   "\"dual_stack\":false}}");
	setenv("AWS_PROFILE", "fips", 1);
	check_s3(&nothing, "{\"s3\":{\"region\":\"eu-west-1\",\"path_style\":false,\"fips\":true,"
			   "\"dual_stack\":true}}");
	setenv("AWS_USE_FIPS_ENDPOINT", "false", 1);
	setenv("AWS_ENDPOINT_URL", "http://e/", 1);
	check_s3(&nothing, "{\"s3\":{\"endpoint\":\"http://e\",\"region\":\"eu-west-1\","
			   "\"path_style\":true,\"fips\":false,\"dual_stack\":true}}");
	check_s3(&told,
		 "{\"s3\":{\"endpoint\":\"http://own\",\"region\":\"r\",\"path_style\":false,"
		 "\"fips\":true,\"dual_stack\":true}}");
	unsetenv("AWS_USE_FIPS_ENDPOINT");
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
	test_certs();
	test_aws_environment();
	test_aws_files();
	test_credential_source();
	test_s3();
	test_helper();
	return tap_done();
}
