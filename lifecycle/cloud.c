/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/cloud.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "lifecycle/credentials/exchange.h"
#include "lifecycle/mqtt/proxy.h"
#include "lifecycle/nucleus.h"

#define EXCHANGE_NAME     "aws.greengrass.TokenExchangeService"

#define PORT_MAX          65535
#define KEEP_ALIVE_MIN_MS 30000 /* what AWS IoT Core takes */
#define KEEP_ALIVE_MAX_MS 1200000
#define RECONNECT_MAX     86400
#define IN_FLIGHT_MAX     100
#define FAILURE_MIN       10 /* seconds, as Greengrass has them */
#define FAILURE_MAX       42900

/* -- settings -----------------------------------------------------------------------------------
 */

/* A number of the configuration; one that is none, or out of range, is told, and the default is
 * used. */
static int64_t number_at(const struct json *object, const char *key, int64_t fallback, int64_t min,
			 int64_t max)
{
	const struct json *value = json_get_fold(object, key);
	int64_t number;
	struct error err;

	if (!value)
		return fallback;
	if (json_as_int(value, &number, &err)) {
		if (number >= min && number <= max)
			return number;
		json_wrong(value, &err, "must be between %lld and %lld", (long long)min,
			   (long long)max);
	}
	log_warning("%s: %lld is used", err.text, (long long)fallback);
	return fallback;
}

static int int_at(const struct json *object, const char *key, int fallback, int min, int max)
{
	return (int)number_at(object, key, fallback, min, max);
}

static bool is_text(const struct json *object, const char *key, const char *word)
{
	const struct json *value = json_get_fold(object, key);

	return value && value->text && strcasecmp(value->text, word) == 0;
}

static const char *text_at(const struct json *object, const char *key)
{
	const struct json *value = json_get_fold(object, key);

	return value && value->type == JSON_TEXT ? value->text : NULL;
}

static const struct json *read_configuration(struct nucleus *nucleus, struct arena *arena,
					     const char *component)
{
	const char *const path[] = { "services", component, "configuration", NULL };
	const struct confignode *node = configtree_find(&nucleus->config.tree.root, path);
	const struct json *value = NULL;
	struct error err;

	if (node && !configtree_read(arena, node, component, &value, &err))
		log_warning("%s", err.text);
	return value;
}

/* -- AWS IoT Core -------------------------------------------------------------------------------
 */

static void read_mqtt_numbers(struct mqtt_options *options, const struct json *mqtt,
			      const struct json *spooler)
{
	options->port = int_at(mqtt, "port", options->port, 1, PORT_MAX);
	options->keep_alive_seconds =
		int_at(mqtt, "keepAliveTimeoutMs", options->keep_alive_seconds * 1000,
		       KEEP_ALIVE_MIN_MS, KEEP_ALIVE_MAX_MS) /
		1000;
	options->reconnect_min_seconds = int_at(mqtt, "minimumReconnectDelaySeconds",
						options->reconnect_min_seconds, 1, RECONNECT_MAX);
	options->reconnect_max_seconds =
		int_at(mqtt, "maximumReconnectDelaySeconds",
		       options->reconnect_max_seconds > options->reconnect_min_seconds
			       ? options->reconnect_max_seconds
			       : options->reconnect_min_seconds,
		       options->reconnect_min_seconds, RECONNECT_MAX);
	options->in_flight_max =
		int_at(mqtt, "maxInFlightPublishes", options->in_flight_max, 1, IN_FLIGHT_MAX);
	options->retry_max = int_at(mqtt, "maxPublishRetry", options->retry_max, -1, INT_MAX);
	options->spool_max = number_at(spooler, "maxSizeInBytes", options->spool_max, 0, INT64_MAX);
}

static bool open_mqtt(struct cloud *cloud, struct nucleus *nucleus, struct error *err)
{
	const struct settings *settings = &nucleus->settings;
	autoarena struct arena arena = { 0 };
	const struct json *mqtt = json_get_fold(
		read_configuration(nucleus, &arena, "aws.greengrass.Nucleus"), "mqtt");
	const struct json *spooler = json_get_fold(mqtt, "spooler");
	const struct json *keeps = json_get_fold(spooler, "keepQos0WhenOffline");
	struct mqtt_options options;

	mqtt_options_init(&options);
	options.loop = &nucleus->loop;
	options.endpoint = settings->data_endpoint;
	options.thing = settings->thing_name;
	options.certificate = settings->certificate;
	options.key = settings->private_key;
	options.root_ca = settings->root_ca;
	options.proxy_url = settings->proxy.url;
	options.proxy_user = settings->proxy.username;
	options.proxy_password = settings->proxy.password;
	options.no_proxy = settings->proxy.no_proxy;
	read_mqtt_numbers(&options, mqtt, spooler);
	options.keeps_qos0 = keeps && (keeps->boolean || is_text(spooler, keeps->key, "true"));
	if (is_text(spooler, "storageType", "Disk"))
		options.spool_directory = arena_printf(&arena, "%s/spool", nucleus->root);
	return mqtt_proxy_open(&cloud->mqtt, &options, err);
}

/* -- the token exchange -------------------------------------------------------------------------
 */

/* Where GetConfiguration finds it, as with Greengrass. */
static bool note_port(struct nucleus *nucleus, int port, struct error *err)
{
	static const char *const path[] = { "services", EXCHANGE_NAME, "configuration",
					    "activePort", NULL };
	struct configstore *config = &nucleus->config;
	autoarena struct arena arena = { 0 };
	const struct json *value =
		json_new(&arena, NULL, "activePort", JSON_NUMBER, arena_printf(&arena, "%d", port));

	if (!configstore_begin(config, err))
		return false;
	if (!configtree_replace(&config->tree, &config->tree.root, path, value,
				CONFIGTREE_DEFAULT_TIME, err)) {
		configstore_abandon(config);
		return false;
	}
	return configstore_end(config, err);
}

static bool open_exchange(struct cloud *cloud, struct nucleus *nucleus, struct error *err)
{
	const struct settings *settings = &nucleus->settings;
	autoarena struct arena arena = { 0 };
	const struct json *own = read_configuration(nucleus, &arena, EXCHANGE_NAME);
	const struct json *retry = json_get_fold(own, "credentialRetryInSec");
	struct exchange_options options;

	exchange_options_init(&options);
	options.loop = &nucleus->loop;
	options.tokens = &nucleus->ipc.tokens;
	options.endpoint = settings->credential_endpoint;
	options.role_alias = settings->role_alias;
	options.thing = settings->thing_name;
	options.certificate = settings->certificate;
	options.key = settings->private_key;
	options.root_ca = settings->root_ca;
	options.proxy = settings_proxy_url(&arena, &settings->proxy);
	options.no_proxy = settings->proxy.no_proxy;
	options.port = int_at(own, "port", 0, 0, PORT_MAX);
	options.link_device = text_at(own, "linkDevice");
	options.client_error_seconds = int_at(retry, "clientError", options.client_error_seconds,
					      FAILURE_MIN, FAILURE_MAX);
	options.server_error_seconds = int_at(retry, "serverError", options.server_error_seconds,
					      FAILURE_MIN, FAILURE_MAX);
	options.unknown_error_seconds = int_at(retry, "unknownError", options.unknown_error_seconds,
					       FAILURE_MIN, FAILURE_MAX);
	return exchange_open(&cloud->exchange, &options, err) &&
	       note_port(nucleus, exchange_port(cloud->exchange), err);
}

/* -- both ---------------------------------------------------------------------------------------
 */

static bool has_identity(const struct settings *settings)
{
	return settings->thing_name && settings->certificate && settings->private_key &&
	       settings->root_ca;
}

void cloud_open(struct cloud *cloud, struct nucleus *nucleus)
{
	const struct settings *settings = &nucleus->settings;
	struct error why;

	*cloud = (struct cloud){ 0 };
	if (!has_identity(settings))
		return;
	if (settings->data_endpoint && !open_mqtt(cloud, nucleus, &why))
		nucleus_say(nucleus, "No connection to AWS IoT Core: %s", why.text);
	if (settings->credential_endpoint && settings->role_alias &&
	    !open_exchange(cloud, nucleus, &why))
		nucleus_say(nucleus, "No token exchange service: %s", why.text);
}

void cloud_close(struct cloud *cloud)
{
	if (cloud->mqtt)
		mqtt_proxy_close(cloud->mqtt);
	if (cloud->exchange)
		exchange_close(cloud->exchange);
	*cloud = (struct cloud){ 0 };
}

bool cloud_is_ready(struct cloud *cloud)
{
	struct exchange_credentials credentials;

	if (!cloud->exchange || getenv("AWS_ACCESS_KEY_ID"))
		return true;
	if (!cloud->was_asked)
		exchange_prefetch(cloud->exchange);
	cloud->was_asked = true;
	return exchange_peek(cloud->exchange, &credentials);
}

void cloud_export_credentials(const struct cloud *cloud)
{
	struct exchange_credentials credentials;

	if (!cloud->exchange || getenv("AWS_ACCESS_KEY_ID") ||
	    !exchange_peek(cloud->exchange, &credentials))
		return;
	setenv("AWS_ACCESS_KEY_ID", credentials.access_key_id, 1);
	setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key, 1);
	setenv("AWS_SESSION_TOKEN", credentials.session_token, 1);
}

const char *cloud_uri(const struct cloud *cloud)
{
	return cloud->exchange ? exchange_uri(cloud->exchange) : NULL;
}
