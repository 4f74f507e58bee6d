/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pulling.h"

#include <string.h>
#include <unistd.h>

#include "cli/credentials.h"
#include "cli/progress.h"
#include "cli/storesettings.h"
#include "engine/happening.h"
#include "image/pull.h"
#include "registry/reference.h"

struct view {
	struct progress progress;
	const struct reference *reference;
	struct digest digest; /* of the manifest */
	bool is_new;
};

/* "3.20: Pulling from library/alpine" */
static void show_resolved(struct view *view, const struct image_event *event)
{
	const struct reference *reference = view->reference;
	struct error ignored;

	if (!digest_parse(&view->digest, event->digest ? event->digest : "", &ignored))
		view->digest = (struct digest){ 0 };
	fprintf(view->progress.out, "%s: Pulling from %s\n",
		digest_is_empty(&reference->digest) ? reference->tag : reference->digest.text,
		reference->path);
	fflush(view->progress.out);
}

static void on_event(void *context, const struct image_event *event)
{
	struct view *view = context;

	switch (event->kind) {
	case IMAGE_RESOLVED:
		show_resolved(view, event);
		return;
	case IMAGE_LAYER:
		progress_layer(&view->progress, event);
		return;
	case IMAGE_READY:
		view->is_new = event->is_new;
		if (view->is_new)
			progress_show_existing(&view->progress);
		return;
	case IMAGE_NOTICE:
		progress_notice(&view->progress, event);
		return;
	case IMAGE_CHECKED: /* nobody asked */
	case IMAGE_PUSHED:
		return;
	}
}

void pulling_tell_status(FILE *out, bool has_news, const char *name)
{
	fprintf(out, "Status: %s for %s\n",
		has_news ? "Downloaded newer image" : "Image is up to date", name);
	fflush(out);
}

static void tell_outcome(const struct view *view, bool is_one_of_many)
{
	struct reference asked = *view->reference;

	if (!digest_is_empty(&asked.digest))
		asked.tag[0] = '\0'; /* the digest decided */

	autofree char *name = reference_familiar(&asked);

	if (!digest_is_empty(&view->digest))
		fprintf(view->progress.out, "Digest: %s\n", view->digest.text);
	if (!is_one_of_many)
		pulling_tell_status(view->progress.out, view->is_new, name);
}

/* A name that leads to one manifest is pulled whatever that is for: said, as docker says it. */
static void tell_mismatch(const struct view *view, const struct store *store, const char *platform,
			  const struct digest *id)
{
	autoarena struct arena arena = { 0 };
	autofree char *name = reference_text(view->reference);
	struct store_image image;
	struct error err;

	if (store_get(store, &arena, id, &image, &err) &&
	    !store_fits_platform(&image, name, platform, &err) && err.kind == ERROR_NOT_FOUND)
		fprintf(view->progress.out, "WARNING: %s\n", err.text);
}

bool pulling_run(const struct cli *cli, const struct store *store, const struct pulling *pulling,
		 struct digest *id, struct error *err)
{
	const struct credentials_places places = { .docker_config = cli->docker_config,
						   .config = cli->config,
						   .root = store->path };
	struct view view = { .progress.out = pulling->out };
	const struct image_watcher watcher = { .on_event = on_event, .context = &view };
	struct store limited = *store;
	struct reference reference;
	struct credentials credentials;

	if (!storesettings_read(cli->config, &limited, err) ||
	    !reference_parse(&reference, pulling->reference, err) ||
	    !credentials_gather(&places, reference.domain, reference.path, &credentials, err))
		return false;
	view.reference = &reference;
	view.progress.is_terminal = pulling->out && isatty(fileno(pulling->out));
	bool is_pulled = image_pull(&limited,
				    &(struct image_pull){ .reference = pulling->reference,
							  .platform = pulling->platform,
							  .again = pulling->again,
							  .is_mirrored = credentials.has_mirrors,
							  .settings = credentials.settings.data,
							  .learnt_fd = credentials.learnt_fd },
				    pulling->out ? &watcher : NULL, id, err);

	credentials_done(&places, &credentials);
	if (is_pulled && pulling->out)
		tell_outcome(&view, pulling->has_news);
	if (is_pulled && pulling->out && pulling->platform)
		tell_mismatch(&view, store, pulling->platform, id);
	if (pulling->has_news)
		*pulling->has_news |= view.is_new;
	return is_pulled;
}

void pulling_tell(const struct engine *engine, const struct reference *reference)
{
	autofree char *familiar = reference_familiar(reference);
	autofree char *name = reference_familiar_name(reference);

	happening_image(engine, "pull", familiar, name);
}
