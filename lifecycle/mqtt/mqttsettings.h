/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_MQTT_MQTTSETTINGS_H
#define LIFECYCLE_MQTT_MQTTSETTINGS_H

#include <openssl/ssl.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * What mooring-mqtt is told on descriptor 5, once, before it gives up its privileges.
 */

struct mqtt_settings {
	const char *endpoint;
	int port;
	const char *client_id;
	int keep_alive_seconds;
	int reconnect_min_seconds, reconnect_max_seconds;
	int in_flight_max;
	SSL_CTX *tls; /* with the device's certificate, the only trusted roots, the endpoint's name
		       */

	const char *proxy_host; /* NULL: straight to the endpoint */
	const char *proxy_port;
	const char *proxy_login; /* "user:password" in base64, or NULL */
};

/* Texts live in `arena`, tls as long as the process. */
must_check bool mqttsettings_read(int fd, struct mqtt_settings *settings, struct arena *arena,
				  struct error *err);

#endif
