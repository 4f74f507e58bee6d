/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_EVENTS_H
#define IMAGE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What happens during a pull, a load or a push, told to whoever shows progress. Texts are valid
 * during the call only.
 */

enum image_event_kind {
	IMAGE_RESOLVED, /* the name led to this manifest: digest */
	IMAGE_LAYER,    /* id, state, bytes, total */
	IMAGE_READY,    /* published: id, reference, replaced, is_new */
	IMAGE_CHECKED,  /* id, chain, damage */
	IMAGE_PUSHED,   /* the registry has this manifest: digest, total (its size) */
	IMAGE_NOTICE,   /* text: a warning of the registry's, or why nothing happens for a while */
};

enum image_layer_state {
	LAYER_WAITING,     /* will be downloaded */
	LAYER_DOWNLOADING, /* bytes of total */
	LAYER_EXISTS,      /* was there already */
	LAYER_MOUNTED,     /* a push: the registry had it in another repository, `text` */
	LAYER_DONE,
};

struct image_event {
	enum image_event_kind kind;
	const char *digest; /* IMAGE_RESOLVED, IMAGE_PUSHED: "sha256:…" */
	const char *id;     /* layer: 12 hex digits; image: "sha256:…" */
	enum image_layer_state state;
	int64_t bytes, total;
	const char *reference; /* canonical name; NULL if the image came without one */
	const char *replaced;  /* "sha256:…" of the image that lost this name; NULL if none did */
	const char *chain;     /* of a layer, "sha256:…"; NULL: it was the configuration */
	const char *damage;    /* what is wrong with it; NULL: it is whole */
	const char *text;      /* IMAGE_NOTICE, LAYER_MOUNTED */
	bool is_new;           /* false: this name meant this image already, with every layer */
};

struct image_watcher {
	void (*on_event)(void *context, const struct image_event *event);
	void *context;
};

#endif
