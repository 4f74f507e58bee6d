/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_WARNINGS_H
#define REGISTRY_WARNINGS_H

#include <stddef.h>

#include "registry/http.h"

/* What a registry has to say to whoever uses it (distribution-spec, "Warnings"): the texts of its
 * `Warning: 299 - "TEXT"` headers, one per line, as far as they fit; other warnings are left out.
 * Only printable ASCII is kept. */
void warnings_read(const struct http_response *response, char *text, size_t size);

#endif
