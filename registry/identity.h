/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_IDENTITY_H
#define REGISTRY_IDENTITY_H

#include <stddef.h>

#include "base/error.h"
#include "registry/http.h"

/*
 * Which of several client certificates is shown to a server: the first one whose issuer, or an
 * issuer in the chain behind it, is among the authorities that the server names (RFC 8446, 4.2.4;
 * RFC 5246, 7.4.4). Any will do for one that names none. Where nothing fits, none is shown, and
 * the server says what it thinks of that. So does Go, and docker with it.
 *
 * libcurl can be told of one certificate only; this is for its CURLOPT_SSL_CTX_FUNCTION.
 */

/* `context` is the SSL_CTX of a new connection. `identities` and their texts have to last as long
 * as it does. Fails, naming the certificate, where one of them is none, or its key is not its own.
 */
must_check bool identity_offer(void *context, const struct http_identities *identities,
			       struct error *err);

#endif
