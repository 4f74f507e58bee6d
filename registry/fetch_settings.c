/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/fetch_settings.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "registry/limit.h"
#include "registry/url.h"

#define DEFAULT_REGION          "us-east-1"
#define DEFAULT_CONNECT_SECONDS 30
#define DEFAULT_STALL_SECONDS   60
#define DEFAULT_ATTEMPTS        5
#define DEFAULT_BACK_OFF_MS     250

static bool read_login(const struct json *entry, struct fetch_login *login, struct error *err)
{
	struct auth_credentials *credentials = &login->credentials;

	login->host = entry->key;
	if (!json_text_or(entry, "username", "", &credentials->username, err) ||
	    !json_text_or(entry, "password", "", &credentials->password, err) ||
	    !json_text_or(entry, "identitytoken", NULL, &credentials->identity_token, err) ||
	    !json_text_or(entry, "registrytoken", NULL, &credentials->registry_token, err))
		return false;
	return !credentials->registry_token || auth_is_header_safe(credentials->registry_token) ||
	       error_set(err, ERROR_INPUT,
			 "the registrytoken for %s has characters that no token has", login->host);
}

static bool read_logins(struct arena *arena, const struct json *root,
			struct fetch_settings *settings, struct error *err)
{
	const struct json *auths;

	if (!json_object_or_null(root, "auths", &auths, err))
		return false;
	if (!auths)
		return true;
	settings->logins = arena_array(arena, auths->count, sizeof(*settings->logins));
	for (const struct json *entry = auths->child; entry; entry = entry->next)
		if (!read_login(entry, &settings->logins[settings->login_count++], err))
			return false;
	return true;
}

static bool read_s3(const struct json *root, struct fetch_settings *settings, struct error *err)
{
	const struct json *s3;

	return json_object_or_null(root, "s3", &s3, err) &&
	       json_text_or(s3, "endpoint", NULL, &settings->s3_endpoint, err) &&
	       json_text_or(s3, "region", DEFAULT_REGION, &settings->s3_region, err) &&
	       json_bool_or(s3, "path_style", false, &settings->s3_is_path_style, err) &&
	       json_bool_or(s3, "fips", false, &settings->s3_is_fips, err) &&
	       json_bool_or(s3, "dual_stack", false, &settings->s3_is_dual_stack, err);
}

static bool read_keys(const struct json *object, struct sigv4_keys *keys, struct error *err)
{
	return json_text(object, "access_key_id", &keys->access_key_id, err) &&
	       json_text(object, "secret_access_key", &keys->secret_access_key, err) &&
	       json_text_or(object, "session_token", NULL, &keys->session_token, err);
}

static bool read_tls(const struct json *object, struct http_tls *tls, struct error *err)
{
	return json_text_or(object, "ca", NULL, &tls->ca, err) &&
	       json_text_or(object, "certificate", NULL, &tls->certificate, err) &&
	       json_text_or(object, "key", NULL, &tls->key, err);
}

static bool read_kind(const struct json *object, enum aws_kind *kind, struct error *err)
{
	static const char *const names[] = {
		[AWS_CONTAINER] = "container", [AWS_WEB_IDENTITY] = "web-identity",
		[AWS_ROLE] = "role",           [AWS_IOT] = "iot",
		[AWS_IMDS] = "imds",
	};
	const char *name;

	if (!json_text(object, "kind", &name, err))
		return false;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(name, names[i]) == 0) {
			*kind = (enum aws_kind)i;
			return true;
		}
	return json_expected(json_get(object, "kind"), "container, web-identity, role, iot or imds",
			     err);
}

static bool read_provider(struct arena *arena, const struct json *object,
			  struct aws_provider *provider, struct error *err);

/* The keys that sign for a role: given, or to be asked for before. */
static bool read_signer(struct arena *arena, const struct json *object,
			struct aws_provider *provider, struct error *err)
{
	const struct json *source = json_get(object, "source");

	if (!json_text(object, "region", &provider->region, err))
		return false;
	if (!source)
		return read_keys(object, &provider->keys, err);
	provider->source = arena_alloc(arena, sizeof(*provider->source));
	if (!read_provider(arena, source, provider->source, err))
		return false;
	return provider->source->kind == AWS_CONTAINER || provider->source->kind == AWS_IMDS ||
	       json_expected(source, "container or imds", err);
}

static bool read_role(struct arena *arena, const struct json *object, struct aws_provider *provider,
		      struct error *err)
{
	if (!json_text(object, "role_arn", &provider->role_arn, err) ||
	    !json_text_or(object, "session_name", "mooring", &provider->session_name, err) ||
	    !json_text_or(object, "external_id", NULL, &provider->external_id, err))
		return false;
	if (provider->kind == AWS_WEB_IDENTITY)
		return json_text(object, "token", &provider->token, err);
	return read_signer(arena, object, provider, err);
}

static bool read_provider(struct arena *arena, const struct json *object,
			  struct aws_provider *provider, struct error *err)
{
	struct url url;

	if (object->type != JSON_OBJECT)
		return json_expected(object, "an object", err);
	if (!read_kind(object, &provider->kind, err) ||
	    !json_text(object, "url", &provider->url, err) ||
	    !url_parse(arena, provider->url, &url, err) ||
	    !json_text_or(object, "authorization", NULL, &provider->authorization, err) ||
	    !json_text_or(object, "thing", NULL, &provider->thing, err) ||
	    !read_tls(object, &provider->tls, err))
		return false;
	provider->tls.is_ca_alone = true;
	if ((provider->authorization && strpbrk(provider->authorization, "\r\n")) ||
	    (provider->thing && strpbrk(provider->thing, "\r\n")))
		return json_wrong(object, err, "a line's end in what becomes a header");
	return (provider->kind != AWS_ROLE && provider->kind != AWS_WEB_IDENTITY) ||
	       read_role(arena, object, provider, err);
}

static bool read_aws(struct arena *arena, const struct json *root, struct aws_settings *settings,
		     struct error *err)
{
	const struct json *aws, *providers;

	if (!json_object_or_null(root, "aws", &aws, err) ||
	    !json_array_or_null(root, "aws_providers", &providers, err) ||
	    (aws && !read_keys(aws, &settings->keys, err)))
		return false;
	if (!providers)
		return true;
	settings->providers = arena_array(arena, providers->count, sizeof(*settings->providers));
	for (const struct json *one = providers->child; one; one = one->next)
		if (!read_provider(arena, one, &settings->providers[settings->provider_count++],
				   err))
			return false;
	return true;
}

static bool read_ecr(const struct json *root, struct fetch_ecr *ecr, struct error *err)
{
	const struct json *object;

	return json_object_or_null(root, "ecr", &object, err) &&
	       json_text_or(object, "endpoint", NULL, &ecr->endpoint, err) &&
	       json_text_or(object, "public_endpoint", NULL, &ecr->public_endpoint, err) &&
	       json_text_or(object, "host", NULL, &ecr->host, err) &&
	       json_text_or(object, "username", "", &ecr->login.username, err) &&
	       json_text_or(object, "password", "", &ecr->login.password, err) &&
	       json_int_or(object, "expires", 0, &ecr->expires, err);
}

static bool read_identities(struct arena *arena, const struct json *object, struct http_tls *tls,
			    struct error *err)
{
	const struct json *clients;

	if (!json_array_or_null(object, "clients", &clients, err))
		return false;
	if (!clients || !clients->count)
		return true;
	struct http_identity *items = arena_array(arena, clients->count, sizeof(*items));
	struct http_identities *identities = arena_alloc(arena, sizeof(*identities));

	*identities = (struct http_identities){ .items = items };
	tls->identities = identities;
	for (const struct json *one = clients->child; one; one = one->next) {
		struct http_identity *item = &items[identities->count++];

		if (!json_text(one, "name", &item->name, err) ||
		    !json_text(one, "certificate", &item->certificate, err) ||
		    !json_text(one, "key", &item->key, err))
			return false;
	}
	return true;
}

static bool read_certs(struct arena *arena, const struct json *root,
		       struct fetch_settings *settings, struct error *err)
{
	const struct json *certs;

	if (!json_object_or_null(root, "certs", &certs, err))
		return false;
	if (!certs)
		return true;
	settings->certs = arena_array(arena, certs->count, sizeof(*settings->certs));
	for (const struct json *one = certs->child; one; one = one->next) {
		struct fetch_certs *entry = &settings->certs[settings->cert_count++];

		entry->host = one->key;
		if (!json_text_or(one, "ca", NULL, &entry->tls.ca, err) ||
		    !read_identities(arena, one, &entry->tls, err))
			return false;
	}
	return true;
}

/* "https://HOST[:PORT][/PATH]". */
static bool check_mirror(struct arena *arena, const struct json *mirrors, const char *text,
			 struct error *err)
{
	struct url url;

	if (!url_parse(arena, text, &url, err))
		return error_in(err, "mirror of %s", mirrors->key);
	const char *host = strstr(text, "://");

	if (!host || host[3] == '/' || strpbrk(text, "?#"))
		return json_wrong(mirrors, err,
				  "a mirror is no more than https://HOST[:PORT][/PATH]");
	return true;
}

static bool read_mirrors(struct arena *arena, const struct json *root,
			 struct fetch_settings *settings, struct error *err)
{
	const struct json *mirrors;
	size_t count;

	if (!json_object_or_null(root, "mirrors", &mirrors, err))
		return false;
	if (!mirrors)
		return true;
	settings->mirrors = arena_array(arena, mirrors->count, sizeof(*settings->mirrors));
	for (const struct json *one = mirrors->child; one; one = one->next) {
		struct fetch_mirrors *entry = &settings->mirrors[settings->mirror_count++];

		entry->domain = one->key;
		if (!json_text_array(arena, mirrors, one->key, &entry->urls, &count, err))
			return false;
		for (size_t i = 0; i < count; i++)
			if (!check_mirror(arena, one, entry->urls[i], err))
				return false;
	}
	return true;
}

static bool read_proxy(const struct json *root, struct http_settings *http, struct error *err)
{
	const struct json *proxy;

	return json_object_or_null(root, "proxy", &proxy, err) &&
	       json_text_or(proxy, "http", NULL, &http->http_proxy, err) &&
	       json_text_or(proxy, "https", NULL, &http->https_proxy, err) &&
	       json_text_or(proxy, "no_proxy", NULL, &http->no_proxy, err);
}

static bool read_count(const struct json *object, const char *key, int64_t fallback, int64_t most,
		       int64_t *value, struct error *err)
{
	if (!json_int_or(object, key, fallback, value, err))
		return false;
	if (*value < 1 || *value > most)
		return json_wrong(json_get(object, key), err, "expected 1 to %lld",
				  (long long)most);
	return true;
}

static bool read_patience(const struct json *root, struct fetch_settings *settings,
			  struct error *err)
{
	const struct json *patience;
	int64_t connect, stall, attempts, back_off;

	if (!json_object_or_null(root, "patience", &patience, err) ||
	    !read_count(patience, "connect_seconds", DEFAULT_CONNECT_SECONDS, 3600, &connect,
			err) ||
	    !read_count(patience, "stall_seconds", DEFAULT_STALL_SECONDS, 3600, &stall, err) ||
	    !read_count(patience, "attempts", DEFAULT_ATTEMPTS, 1000, &attempts, err) ||
	    !read_count(patience, "back_off_ms", DEFAULT_BACK_OFF_MS, 60000, &back_off, err))
		return false;
	settings->http.connect_seconds = (long)connect;
	settings->http.stall_seconds = (long)stall;
	settings->attempts = (int)attempts;
	settings->back_off_ms = (int)back_off;
	return true;
}

/* Descriptor 6 is there, and wants to be told. */
static bool read_learnt(const struct json *root, struct fetch_settings *settings, struct error *err)
{
	bool is_wanted;

	settings->learnt_fd = -1;
	if (!json_bool_or(root, "tells_learnt", false, &is_wanted, err))
		return false;
	if (is_wanted)
		settings->learnt_fd = FETCH_LEARNT_FD;
	return true;
}

static bool read_thrift(const struct json *root, struct fetch_settings *settings, struct error *err)
{
	int64_t *rate = &settings->http.bytes_per_second, parallel;

	if (!json_int_or(root, "bytes_per_second", 0, rate, err) ||
	    !json_bool_or(root, "metered", false, &settings->is_metered, err) ||
	    !read_count(root, "parallel", settings->is_metered ? 1 : LIMIT_TRANSFERS,
			LIMIT_TRANSFERS, &parallel, err))
		return false;
	settings->parallel = (int)parallel;
	if (*rate < 0 || *rate > INT64_MAX / LIMIT_RATE_SHARE)
		return json_wrong(json_get(root, "bytes_per_second"), err, "is no rate");
	return true;
}

bool fetch_settings_parse(struct arena *arena, const char *text, size_t length,
			  struct fetch_settings *settings, struct error *err)
{
	const struct json *root;

	*settings = (struct fetch_settings){ 0 };
	if (!json_parse(arena, "settings", text, length, &root, err))
		return false;
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	return read_logins(arena, root, settings, err) &&
	       json_text_array(arena, root, "insecure", &settings->insecure,
			       &settings->insecure_count, err) &&
	       json_text_array(arena, root, "local", &settings->local, &settings->local_count,
			       err) &&
	       read_certs(arena, root, settings, err) && read_mirrors(arena, root, settings, err) &&
	       read_s3(root, settings, err) && read_aws(arena, root, &settings->aws, err) &&
	       read_ecr(root, &settings->ecr, err) && read_learnt(root, settings, err) &&
	       json_text_or(root, "ca", NULL, &settings->http.ca, err) &&
	       read_thrift(root, settings, err) && read_proxy(root, &settings->http, err) &&
	       read_patience(root, settings, err);
}

bool fetch_settings_read(struct arena *arena, int fd, struct fetch_settings *settings,
			 struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, LIMIT_SETTINGS);
	if (!file_read_fd(fd, "settings", &text, err))
		return false;
	bool is_ok = fetch_settings_parse(arena, text.data, text.length, settings, err);

	explicit_bzero(text.data, text.length); /* passwords: one copy is enough */
	return is_ok;
}

/* "https://HOST:PORT/v1/" → "HOST:PORT" */
static bool is_host_of(const char *key, const char *host)
{
	const char *start = strstr(key, "://");

	start = start ? start + 3 : key;
	size_t length = strcspn(start, "/");

	return strlen(host) == length && strncasecmp(start, host, length) == 0;
}

struct http_tls fetch_settings_tls(const struct fetch_settings *settings, const char *host)
{
	for (size_t i = 0; i < settings->cert_count; i++)
		if (strcasecmp(settings->certs[i].host, host) == 0)
			return settings->certs[i].tls;
	return (struct http_tls){ 0 };
}

const char **fetch_settings_mirrors(const struct fetch_settings *settings, const char *domain)
{
	for (size_t i = 0; i < settings->mirror_count; i++)
		if (strcasecmp(settings->mirrors[i].domain, domain) == 0)
			return settings->mirrors[i].urls;
	return NULL;
}

const struct auth_credentials *fetch_settings_login(const struct fetch_settings *settings,
						    const char *domain)
{
	bool is_hub = strcmp(domain, "docker.io") == 0;

	for (size_t i = 0; i < settings->login_count; i++) {
		const char *key = settings->logins[i].host;

		if (is_host_of(key, domain) || (is_hub && is_host_of(key, "index.docker.io")))
			return &settings->logins[i].credentials;
	}
	return NULL;
}
