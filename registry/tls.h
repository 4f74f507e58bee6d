/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_TLS_H
#define REGISTRY_TLS_H

#include <curl/curl.h>
#include <stdbool.h>

#include "registry/http.h"

/*
 * Whose certificates are believed: the system's authorities, those of the settings, those of one
 * registry (certs.d).
 *
 * The system's lie in a directory, one file each under the hash of its name, and once more in one
 * file for all. libcurl reads that file, if it may, for each connection, and keeps what it read as
 * long as that lasts: a megabyte, where two or three certificates are asked for. So it is given the
 * directory. A system may have the file alone, and somebody may have added to it by hand: whoever
 * is not known by the directory is looked for in the file.
 */
struct tls_trust {
	const char *more; /* PEM, the settings'; NULL: none */
	char *bundle;     /* the system's file; NULL: it is read anyway, or there is none */
	bool is_narrow;   /* it is not read */
};

void tls_trust_init(struct tls_trust *trust, const char *more);
void tls_trust_done(struct tls_trust *trust);

/* For a connection to an https server, or by way of a proxy. True: nobody but the directory says
 * who is believed, and tls_widen may help where it knows nobody. */
bool tls_set_server(CURL *easy, const struct tls_trust *trust, const struct http_request *request);
bool tls_set_proxy(CURL *easy, const struct tls_trust *trust);

/* The system's file counts from now on; for `easy`, too. */
void tls_widen(CURL *easy, struct tls_trust *trust);

#endif
