/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_CLOUD_H
#define LIFECYCLE_CLOUD_H

#include <stdbool.h>

#include "base/error.h"

/*
 * What ties the nucleus to AWS, as far as the configuration names it: the token exchange service
 * (iotRoleAlias, iotCredEndpoint), and the connection to AWS IoT Core (iotDataEndpoint). A device
 * that names neither is a device without a cloud, and fully of use.
 */

struct nucleus;
struct exchange;
struct mqtt_proxy;

struct cloud {
	struct exchange *exchange; /* NULL: not configured */
	struct mqtt_proxy *mqtt;   /* NULL: not configured */
	bool was_asked;            /* credentials are kept ready */
};

/* One that cannot be spoken to must not keep components from running: what is wrong is told, and no
 * more. */
void cloud_open(struct cloud *cloud, struct nucleus *nucleus);
void cloud_close(struct cloud *cloud);

/* Credentials are going to be needed; true if they are there, or will never be. */
bool cloud_is_ready(struct cloud *cloud);

/* For a child process of ours that fetches files: puts the device's credentials into its own
 * environment, where nobody has put others. */
void cloud_export_credentials(const struct cloud *cloud);

/* AWS_CONTAINER_CREDENTIALS_FULL_URI, or NULL. */
const char *cloud_uri(const struct cloud *cloud);

#endif
