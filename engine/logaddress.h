/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOGADDRESS_H
#define ENGINE_LOGADDRESS_H

#include <stdbool.h>
#include <sys/un.h>

#include "base/error.h"

/* Where syslog listens, as docker's log option syslog-address says it. */

#define LOGADDRESS_HOST_MAX 256

struct logaddress {
	int type;                       /* SOCK_DGRAM, SOCK_STREAM */
	bool is_usual;                  /* "": this machine's own, wherever that is */
	bool is_unix;                   /* then `path` counts, else host and port */
	char host[LOGADDRESS_HOST_MAX]; /* a name, or an address without brackets */
	char port[8];
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* "", "udp://HOST[:PORT]", "tcp://…", "unix:///PATH", "unixgram:///PATH". */
must_check bool logaddress_parse(const char *text, struct logaddress *address, struct error *err);

/* A facility's name or number, 0 to 23; "" is daemon. */
must_check bool logaddress_facility(const char *text, int *facility);

#endif
