/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_SEALEDFILE_H
#define LIFECYCLE_IPC_SEALEDFILE_H

#include "base/buf.h"
#include "base/error.h"

/*
 * A file that is encrypted and authenticated (AES-256-GCM, NIST SP 800-38D), with its key in a file
 * "key" beside it: magic, nonce, tag, ciphertext.
 */

#define SEALED_KEY_SIZE 32

/* Decrypts the file into `text`. A file that is not there is empty. ERROR_CORRUPT: it was changed,
 * or sealed with another key. */
must_check bool sealedfile_read(int directory, const char *name, struct buf *text,
				struct error *err);

/* Replaces the file, durably; the key is made if there is none. */
must_check bool sealedfile_write(int directory, const char *name, const struct buf *text,
				 struct error *err);

#endif
