/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/mqtt/mqttoptions.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define SETTINGS_MAX (1024 * 1024)
#define PEM_MAX      (512 * 1024) /* a whole bundle of certificates */

void mqtt_options_init(struct mqtt_options *options)
{
	*options = (struct mqtt_options){ .port = 8883,
					  .keep_alive_seconds = 60,
					  .reconnect_min_seconds = 1,
					  .reconnect_max_seconds = 120,
					  .in_flight_max = 5,
					  .retry_max = 100,
					  .spool_max = 2621440 };
}

/* -- for mooring-mqtt
 * -----------------------------------------------------------------------------------
 */

/* The files are ours to read; mooring-mqtt, as nobody, could not. */
static bool add_pem(struct jsonout *out, const char *key, const char *path, struct error *err)
{
	autobuf struct buf pem;

	buf_init(&pem, PEM_MAX);
	if (!file_read(AT_FDCWD, path, &pem, err))
		return error_in(err, "%s of the connection to AWS IoT Core", key);
	jsonout_text_n(out, key, pem.data, pem.length);
	explicit_bzero(pem.data, pem.length);
	return true;
}

static bool add_settings(struct jsonout *out, const struct mqtt_options *options, struct error *err)
{
	jsonout_object(out, NULL);
	jsonout_text(out, "endpoint", options->endpoint);
	jsonout_int(out, "port", options->port);
	jsonout_text(out, "client_id", options->thing);
	jsonout_int(out, "keep_alive_seconds", options->keep_alive_seconds);
	jsonout_int(out, "reconnect_min_seconds", options->reconnect_min_seconds);
	jsonout_int(out, "reconnect_max_seconds", options->reconnect_max_seconds);
	jsonout_int(out, "in_flight_max", options->in_flight_max);
	if (options->proxy_url) {
		jsonout_object(out, "proxy");
		jsonout_text(out, "url", options->proxy_url);
		jsonout_text(out, "user", options->proxy_user);
		jsonout_text(out, "password", options->proxy_password);
		jsonout_text(out, "no_proxy", options->no_proxy);
		jsonout_object_end(out);
	}
	if (!add_pem(out, "certificate", options->certificate, err) ||
	    !add_pem(out, "key", options->key, err) ||
	    !add_pem(out, "root_ca", options->root_ca, err))
		return false;
	jsonout_object_end(out);
	return true;
}

bool mqttoptions_write(const struct mqtt_options *options, int *fd, struct error *err)
{
	autoclose int memory = memfd_create("mqtt-settings", MFD_CLOEXEC);
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, SETTINGS_MAX);
	if (memory < 0)
		return error_sys(err, "memfd_create");
	jsonout_init(&out, &text, false);

	bool is_good = add_settings(&out, options, err) &&
		       buf_check(&text, "the settings for mooring-mqtt", err) &&
		       file_write(memory, "settings for mooring-mqtt", text.data, text.length, err);

	jsonout_done(&out);
	explicit_bzero(text.data, text.length);
	if (!is_good)
		return false;
	if (lseek(memory, 0, SEEK_SET) < 0)
		return error_sys(err, "settings for mooring-mqtt");
	*fd = take_fd(&memory);
	return true;
}

/* -- texts --------------------------------------------------------------------------------------
 */

void mqttoptions_keep(struct mqtt_options *options)
{
	const char **texts[] = { &options->endpoint,    &options->thing,
				 &options->certificate, &options->key,
				 &options->root_ca,     &options->proxy_url,
				 &options->proxy_user,  &options->proxy_password,
				 &options->no_proxy,    &options->spool_directory };

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		*texts[i] = mem_strdup(*texts[i]);
}

void mqttoptions_done(struct mqtt_options *options)
{
	const char *texts[] = { options->endpoint,    options->thing,
				options->certificate, options->key,
				options->root_ca,     options->proxy_url,
				options->proxy_user,  options->proxy_password,
				options->no_proxy,    options->spool_directory };

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		free((void *)(uintptr_t)texts[i]);
}
