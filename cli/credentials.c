/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/credentials.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "base/size.h"
#include "cli/credhelper.h"
#include "cli/ecrcache.h"
#include "cli/insecure.h"
#include "engine/daemonjson.h"
#include "registry/gather.h"

#define SETTINGS_MAX (1 << 20)
#define HUB          "docker.io"

static bool find_in_environment(struct arena *arena, const char *place,
				struct dockerconfig_login *login, bool *is_found, struct error *err)
{
	const char *text = gather_variable("DOCKER_AUTH_CONFIG");
	const struct json *root;

	*is_found = false;
	if (!text)
		return true;
	return json_parse(arena, "DOCKER_AUTH_CONFIG", text, strlen(text), &root, err) &&
	       (root->type == JSON_OBJECT || json_expected(root, "an object", err)) &&
	       dockerconfig_login(arena, root, place, login, is_found, err);
}

bool credentials_find(struct arena *arena, const char *docker_config, const char *place,
		      struct dockerconfig_login *login, bool *is_found, struct error *err)
{
	const struct json *root;
	const char *helper;

	/* The file still counts where the environment makes no sense, as with docker. */
	if (!find_in_environment(arena, place, login, is_found, err)) {
		fprintf(stderr, "WARNING: %s\n", err->text);
		*is_found = false;
	}
	if (*is_found)
		return true;
	if (!dockerconfig_read(arena, docker_config, &root, err) ||
	    !dockerconfig_helper(root, place, &helper, err))
		return false;
	if (helper)
		return credhelper_get(arena, helper, dockerconfig_key(arena, place), login,
				      is_found, err);
	return dockerconfig_login(arena, root, place, login, is_found, err);
}

/* Who cannot say who they are may still have what everybody may: as docker does, but not without a
 * word, or a refusal could not be understood. False: there is no login. */
static bool find_or_warn(struct arena *arena, const char *docker_config, const char *place,
			 struct dockerconfig_login *login)
{
	struct error err;
	bool is_found;

	if (credentials_find(arena, docker_config, place, login, &is_found, &err))
		return is_found;
	fprintf(stderr, "WARNING: no credentials for %.*s: %s\n", (int)strcspn(place, "/"), place,
		err.text);
	return false;
}

/* One gathering. */
struct gathering {
	const struct credentials_places *places;
	const char *host;
	const struct dockerconfig_login *login; /* for `host`; NULL: none */
	bool is_s3;                             /* for buckets, not for a registry */
	bool is_login;                          /* it is to be found out whether it is good */
	const struct json *daemon;              /* daemon.json */
	const char **mirrors;                   /* URLs */
	size_t mirror_count;
	struct arena arena;
	struct jsonout out;
};

static bool read_daemon_json(struct gathering *gathering, struct error *err)
{
	struct arena *arena = &gathering->arena;

	if (!daemonjson_read(gathering->places->config, arena, &gathering->daemon, err))
		return false;
	if (gathering->daemon->type != JSON_OBJECT)
		return json_expected(gathering->daemon, "an object", err);
	return strcmp(gathering->host, HUB) != 0 ||
	       json_text_array(arena, gathering->daemon, "registry-mirrors", &gathering->mirrors,
			       &gathering->mirror_count, err);
}

/* "https://HOST:PORT/" → "HOST:PORT" */
static const char *mirror_host(struct gathering *gathering, size_t i)
{
	return dockerconfig_key(&gathering->arena, gathering->mirrors[i]);
}

/* --- logins --- */

static void write_login(struct jsonout *out, const char *host,
			const struct dockerconfig_login *login)
{
	jsonout_object(out, host);
	jsonout_text(out, "username", login->username);
	jsonout_text(out, "password", login->password);
	if (login->identity_token)
		jsonout_text(out, "identitytoken", login->identity_token);
	if (login->registry_token)
		jsonout_text(out, "registrytoken", login->registry_token);
	jsonout_object_end(out);
}

static void write_logins(struct gathering *gathering)
{
	struct jsonout *out = &gathering->out;

	jsonout_object(out, "auths");
	if (gathering->login)
		write_login(out, gathering->host, gathering->login);
	for (size_t i = 0; i < gathering->mirror_count; i++) {
		struct dockerconfig_login login;

		if (find_or_warn(&gathering->arena, gathering->places->docker_config,
				 mirror_host(gathering, i), &login))
			write_login(out, mirror_host(gathering, i), &login);
	}
	jsonout_object_end(out);
}

/* --- certificates --- */

static bool write_certs(struct gathering *gathering, struct error *err)
{
	struct arena *arena = &gathering->arena;
	const char *home = gather_variable("XDG_CONFIG_HOME");
	const char *own = arena_printf(arena, "%s/certs.d", gathering->places->config);
	const char *docker = "/etc/docker/certs.d";

	if (geteuid() != 0 && home)
		docker = arena_printf(arena, "%s/docker/certs.d", home);
	else if (geteuid() != 0 && gather_variable("HOME"))
		docker = arena_printf(arena, "%s/.config/docker/certs.d", gather_variable("HOME"));
	const char *const directories[] = { own, docker, NULL };

	jsonout_object(&gathering->out, "certs");
	if (!gather_certs(&gathering->out, arena, directories, gathering->host, err))
		return false;
	for (size_t i = 0; i < gathering->mirror_count; i++)
		if (!gather_certs(&gathering->out, arena, directories, mirror_host(gathering, i),
				  err))
			return false;
	jsonout_object_end(&gathering->out);
	return true;
}

/* The setting's file, and the one by which programs that use OpenSSL or Go know more authorities.
 */
static bool write_ca(struct gathering *gathering, struct error *err)
{
	const char *variable = gather_variable("SSL_CERT_FILE");
	const char *path, *text = NULL, *more = "";

	if (variable && gather_is_systems_bundle(variable))
		variable = NULL;
	if (!json_text_or(gathering->daemon, "ca-certificates", NULL, &path, err) ||
	    (path && !gather_file(&gathering->arena, path, &text, err)) ||
	    (variable && !gather_callers_file(&gathering->arena, variable, &more, err)))
		return error_in(err, "certificate authorities");
	if (text || variable)
		jsonout_text(&gathering->out, "ca",
			     arena_printf(&gathering->arena, "%s\n%s", text ? text : "", more));
	return true;
}

/* --- mirrors and insecure registries --- */

/* A range means those of our hosts that are in it; everything else is a name. */
static bool write_insecure(struct gathering *gathering, const char *entry, struct error *err)
{
	struct ipnet range;

	if (!insecure_read(entry, &entry, err))
		return error_in(err, "daemon.json");
	if (!ipnet_parse(&range, entry)) {
		jsonout_text(&gathering->out, NULL, entry);
		return true;
	}
	if (insecure_range_has(&range, gathering->host))
		jsonout_text(&gathering->out, NULL, gathering->host);
	for (size_t i = 0; i < gathering->mirror_count; i++)
		if (insecure_range_has(&range, mirror_host(gathering, i)))
			jsonout_text(&gathering->out, NULL, mirror_host(gathering, i));
	return true;
}

/* What a proxy takes a name for is its own affair: only what is reached without one is here. */
static bool is_local(const struct gather_proxies *proxies, const char *host)
{
	bool has_proxy = (proxies->http && *proxies->http) || (proxies->https && *proxies->https);

	return strcmp(host, HUB) != 0 && insecure_is_local(host) &&
	       (!has_proxy || insecure_is_exempt(proxies->no_proxy, host));
}

static bool write_local(struct gathering *gathering, struct error *err)
{
	const char **local =
		arena_array(&gathering->arena, gathering->mirror_count + 1, sizeof(*local));
	struct gather_proxies proxies;
	const struct json *fallback;
	size_t count = 0;

	if (!json_object_or_null(gathering->daemon, "proxies", &fallback, err) ||
	    !gather_proxies(fallback, &proxies, err))
		return false;
	if (is_local(&proxies, gathering->host))
		local[count++] = gathering->host;
	for (size_t i = 0; i < gathering->mirror_count; i++)
		if (is_local(&proxies, mirror_host(gathering, i)))
			local[count++] = mirror_host(gathering, i);
	if (count > 0)
		jsonout_texts(&gathering->out, "local", local, count);
	return true;
}

static bool write_places(struct gathering *gathering, struct error *err)
{
	struct jsonout *out = &gathering->out;
	const char **insecure;
	size_t count;

	if (!json_text_array(&gathering->arena, gathering->daemon, "insecure-registries", &insecure,
			     &count, err))
		return false;
	jsonout_array(out, "insecure");
	for (size_t i = 0; i < count; i++)
		if (!write_insecure(gathering, insecure[i], err))
			return false;
	jsonout_array_end(out);
	if (!write_local(gathering, err))
		return false;
	if (gathering->mirror_count == 0)
		return true;
	jsonout_object(out, "mirrors");
	jsonout_texts(out, HUB, gathering->mirrors, gathering->mirror_count);
	jsonout_object_end(out);
	return true;
}

/* --- patience and thrift --- */

/* Copies a number from daemon.json under the name that mooring-fetch knows. */
static bool copy_number(struct jsonout *out, const struct json *object, const char *name,
			const char *member, struct error *err)
{
	int64_t number;

	if (!json_get(object, name))
		return true;
	if (!json_int(object, name, &number, err))
		return false;
	jsonout_int(out, member, number);
	return true;
}

/* A number of bytes, or a text as docker takes sizes: "500k". */
static bool write_rate(struct jsonout *out, const struct json *download, struct error *err)
{
	const struct json *value = json_get(download, "bytes-per-second");
	int64_t rate;

	if (!value)
		return true;
	if (value->type == JSON_TEXT ? !size_parse(value->text, &rate, err)
				     : !json_as_int(value, &rate, err))
		return error_in(err, "daemon.json: download.bytes-per-second");
	jsonout_int(out, "bytes_per_second", rate);
	return true;
}

static bool write_thrift(struct gathering *gathering, struct error *err)
{
	struct jsonout *out = &gathering->out;
	const struct json *daemon = gathering->daemon, *download;
	bool is_metered;

	if (!json_object_or_null(daemon, "download", &download, err) ||
	    !write_rate(out, download, err) ||
	    !json_bool_or(download, "metered", false, &is_metered, err))
		return false;
	if (is_metered)
		jsonout_bool(out, "metered", true);
	jsonout_object(out, "patience");
	bool is_ok = copy_number(out, daemon, "max-download-attempts", "attempts", err) &&
		     copy_number(out, download, "connect-timeout", "connect_seconds", err) &&
		     copy_number(out, download, "stall-timeout", "stall_seconds", err);

	jsonout_object_end(out);
	return is_ok && copy_number(out, daemon, "max-concurrent-downloads", "parallel", err);
}

/* --- AWS --- */

static bool read_iot(const struct json *daemon, struct gather_iot *iot, struct error *err)
{
	const struct json *object;

	*iot = (struct gather_iot){ 0 };
	if (!json_object_or_null(daemon, "aws-iot", &object, err))
		return false;
	return !object || (json_text(object, "endpoint", &iot->endpoint, err) &&
			   json_text(object, "role-alias", &iot->role_alias, err) &&
			   json_text_or(object, "thing", NULL, &iot->thing, err) &&
			   json_text(object, "certificate", &iot->certificate, err) &&
			   json_text(object, "key", &iot->key, err) &&
			   json_text_or(object, "ca", NULL, &iot->ca, err));
}

static void write_cached(struct gathering *gathering, struct jsonout *out, const char *principal)
{
	struct ecrcache_entry entry;

	if (!gathering->places->root || !ecrcache_find(&gathering->arena, gathering->places->root,
						       gathering->host, principal, &entry))
		return;
	jsonout_text(out, "host", gathering->host);
	jsonout_text(out, "username", entry.username);
	jsonout_text(out, "password", entry.password);
	jsonout_int(out, "expires", entry.expires);
}

/* As an object of its own. */
static bool gather_ecr(struct gathering *gathering, struct buf *text, const char **principal,
		       struct error *err)
{
	struct gather_iot iot;
	struct jsonout out;

	if (!read_iot(gathering->daemon, &iot, err))
		return false;
	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	bool is_ok = gather_aws(&out, &gathering->arena, &iot, principal, err);

	if (is_ok) {
		write_cached(gathering, &out, *principal);
		jsonout_object_end(&out);
		jsonout_object_end(&out);
	}
	jsonout_done(&out);
	return is_ok && buf_check(text, "AWS credentials", err);
}

/* Without it, what is learnt is asked for again next time. */
static void open_learnt(struct gathering *gathering, struct credentials *credentials)
{
	credentials->learnt_fd = memfd_create("learnt", MFD_CLOEXEC);
	if (credentials->learnt_fd >= 0)
		jsonout_bool(&gathering->out, "tells_learnt", true);
}

/* Who has a login for the registry may do without AWS, whatever is wrong there. */
static bool write_aws(struct gathering *gathering, struct credentials *credentials,
		      struct error *err)
{
	const char *principal;
	const struct json *root;
	autobuf struct buf text;

	buf_init(&text, SETTINGS_MAX);
	if (!gathering->is_s3 && !gather_is_ecr(gathering->host))
		return true;
	if (!gather_ecr(gathering, &text, &principal, err) ||
	    !json_parse(&gathering->arena, "AWS credentials", text.data, text.length, &root, err))
		return gathering->login != NULL;
	for (const struct json *member = root->child; member; member = member->next)
		jsonout_json(&gathering->out, member->key, member);
	explicit_bzero(text.data, text.length);
	if (gathering->is_s3)
		return gather_s3(&gathering->out, &gathering->arena, &(struct gather_s3){ 0 }, err);
	credentials->principal = mem_strdup(principal);
	open_learnt(gathering, credentials);
	return true;
}

/* --- all of it --- */

static bool write_all(struct gathering *gathering, struct credentials *credentials,
		      struct error *err)
{
	const struct json *proxies;

	if (!read_daemon_json(gathering, err))
		return false;
	write_logins(gathering);
	return write_certs(gathering, err) && write_ca(gathering, err) &&
	       write_places(gathering, err) && write_thrift(gathering, err) &&
	       json_object_or_null(gathering->daemon, "proxies", &proxies, err) &&
	       gather_proxy(&gathering->out, proxies, err) &&
	       (gathering->is_login || write_aws(gathering, credentials, err));
}

static bool gather(struct gathering *gathering, struct credentials *credentials, struct error *err)
{
	*credentials = (struct credentials){ .learnt_fd = -1 };
	buf_init(&credentials->settings, SETTINGS_MAX);
	jsonout_init(&gathering->out, &credentials->settings, false);
	jsonout_object(&gathering->out, NULL);
	bool is_ok = write_all(gathering, credentials, err);

	if (is_ok && gathering->is_login)
		open_learnt(gathering, credentials);
	jsonout_object_end(&gathering->out);
	jsonout_done(&gathering->out);
	arena_done(&gathering->arena);
	credentials->has_mirrors = gathering->mirror_count > 0;
	is_ok = is_ok && buf_check(&credentials->settings, "the settings for mooring-fetch", err);
	if (!is_ok)
		credentials_done(NULL, credentials);
	return is_ok;
}

bool credentials_gather_s3(const struct credentials_places *places, struct credentials *credentials,
			   struct error *err)
{
	struct gathering gathering = { .places = places,
				       .host = "s3.amazonaws.com",
				       .is_s3 = true };

	return gather(&gathering, credentials, err);
}

bool credentials_gather_login(const struct credentials_places *places, const char *host,
			      const struct dockerconfig_login *login,
			      struct credentials *credentials, struct error *err)
{
	struct gathering gathering = {
		.places = places, .host = host, .login = login, .is_login = true
	};

	return gather(&gathering, credentials, err);
}

bool credentials_gather(const struct credentials_places *places, const char *host, const char *path,
			struct credentials *credentials, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct dockerconfig_login login;
	const char *place = arena_printf(&arena, "%s/%s", host, path);
	bool is_found = find_or_warn(&arena, places->docker_config, place, &login);

	return gather(&(struct gathering){ .places = places,
					   .host = host,
					   .login = is_found ? &login : NULL },
		      credentials, err);
}

void credentials_done(const struct credentials_places *places, struct credentials *credentials)
{
	struct error err;

	if (places && places->root && credentials->learnt_fd >= 0 &&
	    !ecrcache_keep(places->root, credentials->principal, credentials->learnt_fd, &err))
		log_warning("%s", err.text);
	mem_cleanup_close(&credentials->learnt_fd);
	credentials->learnt_fd = -1;
	mem_cleanup_free(&credentials->principal);
	credentials->principal = NULL;
	if (credentials->settings.data)
		explicit_bzero(credentials->settings.data, credentials->settings.length);
	buf_done(&credentials->settings);
}
