/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/converse.h"
#include "base/json.h"
#include "registry/gather.h"
#include "registry/profile.h"

#define CONTAINER_ADDRESS "http://169.254.170.2"
#define IMDS_ADDRESS      "http://169.254.169.254"
#define SESSION_NAME      "mooring"
#define PROCESS_MS        (60 * 1000)
#define PROCESS_ANSWER    (64 << 10)

/* One gathering. */
struct gathering {
	struct jsonout *out;
	struct arena *arena;
	const char *principal;
	bool is_settled; /* there are keys: nobody has to be asked */
};

static bool is_true(const char *value)
{
	return value && strcasecmp(value, "true") == 0;
}

static void note_principal(struct gathering *gathering, const char *text)
{
	if (!gathering->principal)
		gathering->principal = arena_strdup(gathering->arena, text);
}

/* --- keys --- */

static void write_keys(struct jsonout *out, const char *id, const char *secret, const char *token)
{
	jsonout_text(out, "access_key_id", id);
	jsonout_text(out, "secret_access_key", secret);
	if (token)
		jsonout_text(out, "session_token", token);
}

static void settle(struct gathering *gathering, const char *id, const char *secret,
		   const char *token)
{
	jsonout_object(gathering->out, "aws");
	write_keys(gathering->out, id, secret, token);
	jsonout_object_end(gathering->out);
	note_principal(gathering, id);
	gathering->is_settled = true;
}

static bool take_environment(struct gathering *gathering, struct error *err)
{
	const char *id = gather_variable("AWS_ACCESS_KEY_ID");
	const char *secret = gather_variable("AWS_SECRET_ACCESS_KEY");

	if (!id && !secret)
		return true;
	if (!id || !secret)
		return error_set(err, ERROR_INPUT, "%s is set, but %s is not",
				 id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
				 id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
	settle(gathering, id, secret, gather_variable("AWS_SESSION_TOKEN"));
	return true;
}

/* --- profiles --- */

/* The file of `variable`, else ~/.aws/NAME; one that is not there is empty. */
static bool read_aws_file(struct arena *arena, const char *variable, const char *name,
			  const char **text, struct error *err)
{
	const char *path = gather_variable(variable);
	const char *home = gather_variable("HOME");

	*text = "";
	if (!path && !home)
		return true;
	if (!path)
		path = arena_printf(arena, "%s/.aws/%s", home, name);
	return gather_callers_file(arena, path, text, err) || err->kind == ERROR_NOT_FOUND ||
	       err->sys == ENOTDIR;
}

static bool find_profile(struct arena *arena, const char *name, struct profile *profile,
			 bool *is_found, struct error *err)
{
	const char *credentials, *config;

	*profile = (struct profile){ 0 };
	if (!read_aws_file(arena, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &credentials,
			   err) ||
	    !read_aws_file(arena, "AWS_CONFIG_FILE", "config", &config, err))
		return false;
	*is_found = profile_read(arena, credentials, name, profile);
	*is_found |= profile_read(arena, config, name, profile);
	return true;
}

static const char *profile_name(void)
{
	const char *name = gather_variable("AWS_PROFILE");

	return name ? name : "default";
}

bool gather_region(struct arena *arena, const char **region, struct error *err)
{
	struct profile profile;
	bool is_found;

	*region = gather_variable("AWS_REGION");
	if (!*region)
		*region = gather_variable("AWS_DEFAULT_REGION");
	if (*region)
		return true;
	if (!find_profile(arena, profile_name(), &profile, &is_found, err))
		return false;
	*region = profile.region;
	return true;
}

const char *gather_endpoint(struct arena *arena, const char *service)
{
	const char *own = gather_variable(arena_printf(arena, "AWS_ENDPOINT_URL_%s", service));

	if (is_true(gather_variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")))
		return NULL;
	if (!own)
		own = gather_variable("AWS_ENDPOINT_URL");
	size_t length = own ? strlen(own) : 0;

	return length && own[length - 1] == '/' ? arena_strndup(arena, own, length - 1) : own;
}

bool gather_s3(struct jsonout *out, struct arena *arena, const struct gather_s3 *known,
	       struct error *err)
{
	const char *endpoint = known->endpoint ? known->endpoint : gather_endpoint(arena, "S3");
	const char *fips = gather_variable("AWS_USE_FIPS_ENDPOINT");
	const char *dual_stack = gather_variable("AWS_USE_DUALSTACK_ENDPOINT");
	const char *region = known->region;
	struct profile profile;
	bool is_found;

	if ((!region && !gather_region(arena, &region, err)) ||
	    !find_profile(arena, profile_name(), &profile, &is_found, err))
		return false;
	jsonout_object(out, "s3");
	if (endpoint)
		jsonout_text(out, "endpoint", endpoint);
	if (region)
		jsonout_text(out, "region", region);
	/* A server that is not AWS' rarely has a name for each bucket. */
	jsonout_bool(out, "path_style",
		     known->has_path_style ? known->is_path_style : endpoint != NULL);
	jsonout_bool(out, "fips",
		     known->is_fips || is_true(fips ? fips : profile.use_fips_endpoint));
	jsonout_bool(out, "dual_stack",
		     is_true(dual_stack ? dual_stack : profile.use_dualstack_endpoint));
	jsonout_object_end(out);
	return true;
}

/* --- who may be asked on this machine --- */

/* Plain http only to where nobody else can listen. */
static bool is_safe_container_url(const char *url)
{
	static const char *const hosts[] = { "localhost", "[::1]", "169.254.170.2",
					     "169.254.170.23", "[fd00:ec2::23]" };
	const char *host = url + strlen("http://");
	size_t length = strcspn(host, "/?#");

	if (strncasecmp(url, "https://", strlen("https://")) == 0)
		return true;
	if (strncasecmp(url, "http://", strlen("http://")) != 0 || memchr(host, '@', length))
		return false;
	const char *bracket = memchr(host, ']', length);
	const char *colon = bracket ? bracket + 1 : host;

	length = (size_t)(colon - host) + strcspn(colon, ":/?#");
	autofree char *name = mem_printf("%.*s", (int)length, host);
	struct in_addr v4;

	for (size_t i = 0; i < COUNT_OF(hosts); i++)
		if (strcasecmp(name, hosts[i]) == 0)
			return true;
	return inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

static bool container_authorization(struct arena *arena, const char **authorization,
				    struct error *err)
{
	const char *path = gather_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");

	*authorization = gather_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	if (path && !gather_callers_file(arena, path, authorization, err))
		return error_in(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	if (*authorization && strpbrk(*authorization, "\r\n"))
		return error_set(err, ERROR_INPUT,
				 "AWS_CONTAINER_AUTHORIZATION_TOKEN: a line's end in it");
	return true;
}

/* As a member `key`, or NULL in an array; *is_there is false if nothing says where to ask. */
static bool write_container(struct gathering *gathering, const char *key, bool *is_there,
			    struct error *err)
{
	const char *relative = gather_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *url = gather_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	const char *authorization;

	*is_there = relative || url;
	if (!*is_there)
		return true;
	if (relative)
		url = arena_printf(gathering->arena, CONTAINER_ADDRESS "%s", relative);
	else if (!is_safe_container_url(url))
		return error_set(err, ERROR_INPUT,
				 "AWS_CONTAINER_CREDENTIALS_FULL_URI: %.200s is neither https nor "
				 "this machine's own",
				 url);
	if (!container_authorization(gathering->arena, &authorization, err))
		return false;
	note_principal(gathering, url);
	jsonout_object(gathering->out, key);
	jsonout_text(gathering->out, "kind", "container");
	jsonout_text(gathering->out, "url", url);
	if (authorization)
		jsonout_text(gathering->out, "authorization", authorization);
	jsonout_object_end(gathering->out);
	return true;
}

static void write_imds(struct gathering *gathering, const char *key, bool *is_there)
{
	const char *url = gather_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");

	*is_there = !is_true(gather_variable("AWS_EC2_METADATA_DISABLED"));
	if (!*is_there)
		return;
	note_principal(gathering, "instance");
	jsonout_object(gathering->out, key);
	jsonout_text(gathering->out, "kind", "imds");
	jsonout_text(gathering->out, "url", url ? url : IMDS_ADDRESS);
	jsonout_object_end(gathering->out);
}

/* --- STS --- */

struct role {
	const char *arn, *session_name, *external_id;
	const char *token; /* web identity; or NULL: signed by the keys of `source`, */
	struct profile source;
	const char *credential_source; /* or by what that gives; or NULL */
	const char *region;            /* or NULL */
};

static const char *sts_url(struct arena *arena, const char *region)
{
	const char *endpoint = gather_endpoint(arena, "STS");

	if (endpoint)
		return endpoint;
	if (!region)
		return "https://sts.amazonaws.com/";
	return arena_printf(arena, "https://sts.%s.amazonaws.com%s/", region,
			    strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

/* Whose signature lets us have the role. */
static bool write_signer(struct gathering *gathering, const struct role *role, struct error *err)
{
	struct jsonout *out = gathering->out;
	const struct profile *source = &role->source;
	bool is_there = true;

	jsonout_text(out, "region", role->region ? role->region : "us-east-1");
	if (!role->credential_source) {
		write_keys(out, source->access_key_id, source->secret_access_key,
			   source->session_token);
		return true;
	}
	if (strcasecmp(role->credential_source, "Ec2InstanceMetadata") == 0)
		write_imds(gathering, "source", &is_there);
	else if (strcasecmp(role->credential_source, "EcsContainer") != 0)
		return error_set(err, ERROR_INPUT,
				 "AWS profile %s: credential_source is %.100s, not Environment, "
				 "EcsContainer or Ec2InstanceMetadata",
				 profile_name(), role->credential_source);
	else if (!write_container(gathering, "source", &is_there, err))
		return false;
	return is_there ||
	       error_set(err, ERROR_INPUT, "AWS profile %s: its credential_source %s is not there",
			 profile_name(), role->credential_source);
}

static bool write_role(struct gathering *gathering, const struct role *role, struct error *err)
{
	struct jsonout *out = gathering->out;
	bool is_ok = true;

	note_principal(gathering, role->arn);
	jsonout_object(out, NULL);
	jsonout_text(out, "kind", role->token ? "web-identity" : "role");
	jsonout_text(out, "url", sts_url(gathering->arena, role->region));
	jsonout_text(out, "role_arn", role->arn);
	jsonout_text(out, "session_name", role->session_name ? role->session_name : SESSION_NAME);
	if (role->external_id)
		jsonout_text(out, "external_id", role->external_id);
	if (role->token)
		jsonout_text(out, "token", role->token);
	else
		is_ok = write_signer(gathering, role, err);
	jsonout_object_end(out);
	return is_ok;
}

static bool read_token(struct arena *arena, const char *path, const char **token, struct error *err)
{
	char *end;

	if (!gather_callers_file(arena, path, token, err))
		return false;
	end = arena_strdup(arena, *token);
	end[strcspn(end, "\r\n")] = '\0';
	*token = end;
	return *end || error_set(err, ERROR_INPUT, "%s: no token in it", path);
}

static bool add_web_identity(struct gathering *gathering, struct role *role, const char *path,
			     struct error *err)
{
	if (!read_token(gathering->arena, path, &role->token, err))
		return error_in(err, "web identity");
	return write_role(gathering, role, err);
}

static bool add_profile_role(struct gathering *gathering, const struct profile *profile,
			     struct role *role, struct error *err)
{
	struct profile *source = &role->source;
	bool is_found;

	if (profile->web_identity_token_file)
		return add_web_identity(gathering, role, profile->web_identity_token_file, err);
	role->credential_source = profile->credential_source;
	if (profile->credential_source)
		return write_role(gathering, role, err);
	if (!profile->source_profile)
		return error_set(err, ERROR_INPUT,
				 "AWS profile %s: its role_arn needs a source_profile or a "
				 "credential_source",
				 profile_name());
	if (!find_profile(gathering->arena, profile->source_profile, source, &is_found, err))
		return false;
	if (!source->access_key_id || !source->secret_access_key)
		return error_set(err, ERROR_INPUT,
				 "AWS profile %s: its source_profile %s has no keys",
				 profile_name(), profile->source_profile);
	return write_role(gathering, role, err);
}

/* --- profile --- */

static bool run_process(struct gathering *gathering, const char *command, struct error *err)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	const struct converse question = { argv, "", PROCESS_MS };
	const char *id, *secret, *token;
	const struct json *root;
	autobuf struct buf answer;
	int code;

	buf_init(&answer, PROCESS_ANSWER);
	if (!converse(&question, &answer, &code, err))
		return error_in(err, "credential_process");
	if (code != 0)
		return error_set(err, ERROR_DENIED, "credential_process: \"%s\" ends with code %d",
				 command, code);
	if (!json_parse(gathering->arena, "credential_process", answer.data ? answer.data : "",
			answer.length, &root, err) ||
	    !json_text(root, "AccessKeyId", &id, err) ||
	    !json_text(root, "SecretAccessKey", &secret, err) ||
	    !json_text_or(root, "SessionToken", NULL, &token, err))
		return false;
	settle(gathering, id, secret, token);
	return true;
}

static bool take_profile(struct gathering *gathering, struct profile *profile, struct error *err)
{
	bool is_found;

	if (!find_profile(gathering->arena, profile_name(), profile, &is_found, err))
		return false;
	if (!is_found && gather_variable("AWS_PROFILE"))
		return error_set(err, ERROR_NOT_FOUND,
				 "AWS profile %s: neither ~/.aws/credentials nor ~/.aws/config has "
				 "it",
				 profile_name());
	if (profile->role_arn)
		return true; /* is asked for */
	if (profile->access_key_id && profile->secret_access_key)
		settle(gathering, profile->access_key_id, profile->secret_access_key,
		       profile->session_token);
	else if (profile->credential_process)
		return run_process(gathering, profile->credential_process, err);
	return true;
}

/* --- providers --- */

static bool add_roles(struct gathering *gathering, const struct profile *profile,
		      const char *region, struct error *err)
{
	const char *path = gather_variable("AWS_WEB_IDENTITY_TOKEN_FILE");
	struct role of_profile = { .arn = profile->role_arn,
				   .session_name = profile->role_session_name,
				   .external_id = profile->external_id,
				   .region = region };
	struct role of_environment = { .arn = gather_variable("AWS_ROLE_ARN"),
				       .session_name = gather_variable("AWS_ROLE_SESSION_NAME"),
				       .region = region };

	if (profile->role_arn && !add_profile_role(gathering, profile, &of_profile, err))
		return false;
	return !of_environment.arn || !path ||
	       add_web_identity(gathering, &of_environment, path, err);
}

static bool add_container(struct gathering *gathering, struct error *err)
{
	bool is_there;

	return write_container(gathering, NULL, &is_there, err);
}

static bool add_iot(struct gathering *gathering, const struct gather_iot *iot, struct error *err)
{
	struct arena *arena = gathering->arena;
	const char *certificate, *key, *ca = NULL;

	if (!iot || !iot->role_alias)
		return true;
	if (!gather_file(arena, iot->certificate, &certificate, err) ||
	    !gather_file(arena, iot->key, &key, err) ||
	    (iot->ca && !gather_file(arena, iot->ca, &ca, err)))
		return error_in(err, "IoT role alias %s", iot->role_alias);
	jsonout_object(gathering->out, NULL);
	jsonout_text(gathering->out, "kind", "iot");
	jsonout_text(gathering->out, "url",
		     arena_printf(arena, "https://%s/role-aliases/%s/credentials", iot->endpoint,
				  iot->role_alias));
	if (iot->thing)
		jsonout_text(gathering->out, "thing", iot->thing);
	jsonout_text(gathering->out, "certificate", certificate);
	jsonout_text(gathering->out, "key", key);
	if (ca)
		jsonout_text(gathering->out, "ca", ca);
	jsonout_object_end(gathering->out);
	note_principal(gathering, iot->role_alias);
	return true;
}

static void write_ecr(struct gathering *gathering)
{
	const char *endpoint = gather_endpoint(gathering->arena, "ECR");
	const char *public_endpoint = gather_endpoint(gathering->arena, "ECR_PUBLIC");

	jsonout_object(gathering->out, "ecr");
	if (endpoint)
		jsonout_text(gathering->out, "endpoint", endpoint);
	if (public_endpoint)
		jsonout_text(gathering->out, "public_endpoint", public_endpoint);
}

static bool add_providers(struct gathering *gathering, const struct profile *profile,
			  const struct gather_iot *iot, struct error *err)
{
	const char *region;
	bool is_there;

	if (!gather_region(gathering->arena, &region, err))
		return false;
	jsonout_array(gathering->out, "aws_providers");
	bool is_ok = add_roles(gathering, profile, region, err) && add_container(gathering, err) &&
		     add_iot(gathering, iot, err);

	if (is_ok)
		write_imds(gathering, NULL, &is_there);
	jsonout_array_end(gathering->out);
	return is_ok;
}

bool gather_is_ecr(const char *domain)
{
	return strstr(domain, ".dkr.ecr") || strstr(domain, ".dkr-ecr") ||
	       strcmp(domain, "public.ecr.aws") == 0 || strcmp(domain, "ecr-public.aws.com") == 0;
}

bool gather_aws(struct jsonout *out, struct arena *arena, const struct gather_iot *iot,
		const char **principal, struct error *err)
{
	struct gathering gathering = { .out = out, .arena = arena };
	struct profile profile = { 0 };

	if (!take_environment(&gathering, err) ||
	    (!gathering.is_settled && !take_profile(&gathering, &profile, err)) ||
	    (!gathering.is_settled && !add_providers(&gathering, &profile, iot, err)))
		return false;
	*principal = gathering.principal ? gathering.principal : "";
	write_ecr(&gathering);
	return true;
}
