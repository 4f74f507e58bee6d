/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_MQTT_PROXY_H
#define LIFECYCLE_MQTT_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/jsonout.h"
#include "base/loop.h"

/*
 * The device's connection to AWS IoT Core, shared by all components. The nucleus keeps what is to
 * be published (the spool) and what is subscribed to; the connection itself, with libmosquitto and
 * TLS, is mooring-mqtt's, which is started when somebody first asks for it and is started again
 * when it ends. Whatever it dies of, nothing is lost that was acknowledged to a component.
 */

#define MQTT_PAYLOAD_MAX (128 * 1024) /* as AWS IoT Core has it */

struct mqtt_proxy;

/* Where to and how; the keys of the nucleus' configuration are behind each. Texts are copied. */
struct mqtt_options {
	struct loop *loop;
	const char *endpoint;    /* iotDataEndpoint */
	int port;                /* mqtt.port: 8883, or 443 with ALPN */
	const char *thing;       /* system.thingName: the client id */
	const char *certificate; /* system.certificateFilePath */
	const char *key;         /* system.privateKeyPath */
	const char *root_ca;     /* system.rootCaPath */
	const char
		*proxy_url; /* networkProxy.proxy.url, http://[user:password@]host:port, or NULL */
	const char *proxy_user, *proxy_password; /* networkProxy.proxy.…, or NULL */
	const char *no_proxy;                    /* networkProxy.noProxyAddresses, or NULL */
	int keep_alive_seconds;                  /* mqtt.keepAliveTimeoutMs: 60 */
	int reconnect_min_seconds;               /* mqtt.minimumReconnectDelaySeconds: 1 */
	int reconnect_max_seconds;               /* mqtt.maximumReconnectDelaySeconds: 120 */
	int in_flight_max;                       /* mqtt.maxInFlightPublishes: 5, at most 100 */
	int retry_max;                           /* mqtt.maxPublishRetry: 100; -1 is endless */
	int64_t spool_max;                       /* mqtt.spooler.maxSizeInBytes: 2621440 */
	bool keeps_qos0;                         /* mqtt.spooler.keepQos0WhenOffline */
	const char *spool_directory; /* for mqtt.spooler.storageType Disk; NULL: memory */
};

/* The defaults above, with nothing else set. */
void mqtt_options_init(struct mqtt_options *options);

struct mqtt_message {
	const char *topic;
	const char *payload;
	size_t length;
	int qos;
	bool is_retained;
};

/* Who is told what comes in; one listener, the IPC server. */
struct mqtt_listener {
	void (*on_message)(void *context, const struct mqtt_message *message);
	void (*on_state)(void *context, bool is_connected);
	/* The broker refuses the filter; it is no longer subscribed to. */
	void (*on_refused)(void *context, const char *filter, const char *reason);
	void *context;
};

/* Reads what is left in a spool on disk. Starts nothing unless something is there to be sent.
 * mooring-mqtt is a child of ours, which only we wait for. */
must_check bool mqtt_proxy_open(struct mqtt_proxy **proxy, const struct mqtt_options *options,
				struct error *err);
/* Ends mooring-mqtt and waits for it briefly. What a spool in memory holds is lost. */
void mqtt_proxy_close(struct mqtt_proxy *proxy);

void mqtt_proxy_listen(struct mqtt_proxy *proxy, const struct mqtt_listener *listener);

/* Queues a message; on disk it is durable when the call returns. Fails where the message can never
 * be sent (ERROR_INPUT), where the spool is full (ERROR_NO_SPACE), and for QoS 0 while offline
 * (ERROR_NETWORK), unless the settings keep it. */
must_check bool mqtt_proxy_publish(struct mqtt_proxy *proxy, const struct mqtt_message *message,
				   struct error *err);

/* Subscribes with the broker, now or as soon as there is a connection; again for a filter that is
 * already there: the broker then sends retained messages anew. */
must_check bool mqtt_proxy_subscribe(struct mqtt_proxy *proxy, const char *filter, int qos,
				     struct error *err);
void mqtt_proxy_unsubscribe(struct mqtt_proxy *proxy, const char *filter);

bool mqtt_proxy_is_connected(const struct mqtt_proxy *proxy);
/* An object for people: endpoint, state, since when, last error, spooled messages and bytes. */
void mqtt_proxy_write_state(const struct mqtt_proxy *proxy, struct jsonout *out, const char *key);

#endif
