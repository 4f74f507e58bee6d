/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_SECRETSTORE_H
#define LIFECYCLE_IPC_SECRETSTORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/jsonout.h"

/*
 * Secrets that components read with GetSecretValue, put there by whoever administers the device
 * (`mooring secret`), not by a cloud. One file, DATA/secrets/store, encrypted and authenticated
 * with AES-256-GCM; the key is beside it, DATA/secrets/key, for root alone. So a copy of the store
 * alone, or a store that was tampered with, is worth nothing; who can read root's files reads the
 * secrets.
 *
 * Nothing decrypted is kept: each question reads the file.
 */

#define SECRETSTORE_VALUE_MAX 65536 /* bytes of a secret, as AWS Secrets Manager has it */
#define SECRETSTORE_SIZE_MAX  (4 * 1024 * 1024)
#define SECRETSTORE_NAME_MAX  512

struct secret_query {
	const char *id;      /* a name or an ARN */
	const char *version; /* versionId, or NULL */
	const char *stage;   /* versionStage, or NULL: AWSCURRENT */
};

struct secret {
	const char *arn, *name;
	const char *version;
	const char **stages;
	size_t stage_count;
	const char *text;   /* or NULL */
	const char *binary; /* base64, or NULL */
};

/* ERROR_NOT_FOUND: no such secret, version or stage. ERROR_CORRUPT: the store is not what we wrote,
 * or the key is another one. The result lives in `arena`, which the caller clears
 * (secretstore_wipe) when done. */
must_check bool secretstore_find(const char *data, const struct secret_query *query,
				 struct arena *arena, struct secret *secret, struct error *err);

/* Makes the value the current version of the secret, which is made if it is not there; the one
 * before becomes AWSPREVIOUS, older ones go. `arn` NULL: as it was, or one of our own for a new
 * secret. Either `text` or `binary` (base64) is given. */
struct secret_value {
	const char *name, *arn, *text, *binary;
};
must_check bool secretstore_put(const char *data, const struct secret_value *value,
				struct error *err);

/* ERROR_NOT_FOUND: no such secret. */
must_check bool secretstore_remove(const char *data, const char *id, struct error *err);

/* An array of objects: name, arn, version. No values. */
must_check bool secretstore_list(const char *data, struct jsonout *out, const char *key,
				 struct error *err);

/* Overwrites what the arena holds, and frees it. */
void secretstore_wipe(struct arena *arena);

#endif
