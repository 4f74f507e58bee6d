/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_MQTT_MQTTOPTIONS_H
#define LIFECYCLE_MQTT_MQTTOPTIONS_H

#include "lifecycle/mqtt/proxy.h"

/*
 * The options of the connection to AWS IoT Core, and the form in which mooring-mqtt reads them.
 */

/* Makes copies of the texts, which mqttoptions_done frees. */
void mqttoptions_keep(struct mqtt_options *options);
void mqttoptions_done(struct mqtt_options *options);

/* The settings object of docs/architecture.md, with the contents of key and certificates, in a file
 * in memory at its start: a pipe might be too small for a bundle of certificates. */
must_check bool mqttoptions_write(const struct mqtt_options *options, int *fd, struct error *err);

#endif
