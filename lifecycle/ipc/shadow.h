/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_SHADOW_H
#define LIFECYCLE_IPC_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/texts.h"

/*
 * Device shadows, kept on the device alone (there is no synchronisation with the cloud): documents
 * with a desired and a reported state, as the AWS IoT developer guide describes them under "Device
 * Shadow service documents". One file each below DATA/shadows, replaced atomically; a deleted
 * shadow leaves its version behind, so that versions never go back.
 */

#define SHADOW_THING_MAX    128
#define SHADOW_NAME_MAX     64
#define SHADOW_DOCUMENT_MAX 8192 /* bytes of a request, and of a state */
#define SHADOW_DEPTH_MAX    6    /* levels below desired and reported */
#define SHADOW_THINGS_MAX   100
#define SHADOWS_MAX         100 /* of one thing */

/* Where a shadow is; name "" is the classic one. Checked by shadow_check. */
struct shadow_id {
	const char *data; /* the nucleus' root */
	const char *thing, *name;
};

must_check bool shadow_check(const struct shadow_id *id, struct error *err);

/* Texts in JSON, all in `arena`; delta is NULL where desired and reported agree. */
struct shadow_change {
	const char *accepted;  /* what the caller gets */
	const char *documents; /* previous and current state; NULL for the others than update */
	const char *delta;
};

/* ERROR_NOT_FOUND: there is no such shadow. */
must_check bool shadow_get(const struct shadow_id *id, struct arena *arena, const char **document,
			   struct error *err);
/* ERROR_INPUT: the document makes no sense; ERROR_EXISTS: it names another version than the present
 * one. Durable when it returns. */
must_check bool shadow_update(const struct shadow_id *id, const char *document, size_t length,
			      struct arena *arena, struct shadow_change *change, struct error *err);
must_check bool shadow_delete(const struct shadow_id *id, struct arena *arena, const char **answer,
			      struct error *err);
/* Names of the named shadows of a thing, in order, in `arena`. */
must_check bool shadow_list(const struct shadow_id *id, struct arena *arena, struct texts *names,
			    struct error *err);

#endif
