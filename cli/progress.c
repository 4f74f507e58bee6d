/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <string.h>

#include "cli/human.h"

#define BAR_WIDTH 50

/* "[=====>      ]  1.2MB/3.4MB" */
static void print_bar(FILE *out, int64_t bytes, int64_t total)
{
	char done[HUMAN_MAX], all[HUMAN_MAX];
	int filled = total > 0 ? (int)((double)bytes / (double)total * BAR_WIDTH) : 0;

	human_size(bytes, 4, done);
	if (total <= 0) {
		fprintf(out, "  %s", done);
		return;
	}
	filled = filled < 0 ? 0 : filled > BAR_WIDTH ? BAR_WIDTH : filled;
	fputs(" [", out);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < filled ? '=' : i == filled ? '>' : ' ', out);
	fprintf(out, "] %8s/%s", done, human_size(total, 4, all));
}

static const char *words_of(const struct progress *progress, enum image_layer_state state)
{
	static const char *const words[][LAYER_DONE + 1] = {
		[PROGRESS_PULL] = { "Pulling fs layer", "Downloading", "Already exists", "",
				    "Pull complete" },
		[PROGRESS_LOAD] = { "Loading layer", "Loading layer", "Already exists", "",
				    "Loaded" },
		[PROGRESS_PUSH] = { "Preparing", "Pushing", "Layer already exists", "Mounted from ",
				    "Pushed" },
	};

	return words[progress->kind][state];
}

/* What belongs behind the words; `event` NULL: nothing. */
static const char *from_where(const struct image_event *event)
{
	return event && event->state == LAYER_MOUNTED ? event->text : "";
}

/* Goes up to the layer's line, writes it anew and comes back down. */
static void redraw(const struct progress *progress, size_t index, const struct image_event *event)
{
	const struct progress_layer *layer = &progress->layers[index];
	int up = 0;

	for (size_t i = index; i < progress->count; i++)
		up += progress->layers[i].is_shown;
	fprintf(progress->out, "\033[%dA\r\033[K%s: %s%s", up, layer->id,
		words_of(progress, layer->state), from_where(event));
	if (layer->state == LAYER_DOWNLOADING)
		print_bar(progress->out, event->bytes, event->total);
	fprintf(progress->out, "\033[%dB\r", up);
	fflush(progress->out);
}

static void print_line(const struct progress *progress, const struct progress_layer *layer,
		       const struct image_event *event)
{
	if (layer->state == LAYER_DONE && !progress->is_terminal && progress->kind == PROGRESS_PULL)
		fprintf(progress->out, "%s: Download complete\n", layer->id);
	fprintf(progress->out, "%s: %s%s\n", layer->id, words_of(progress, layer->state),
		from_where(event));
	fflush(progress->out);
}

void progress_show_existing(struct progress *progress)
{
	progress->shows_existing = true;
	for (size_t i = 0; i < progress->count; i++) {
		struct progress_layer *layer = &progress->layers[i];

		if (layer->is_shown || layer->state != LAYER_EXISTS)
			continue;
		print_line(progress, layer, NULL);
		layer->is_shown = true;
	}
}

/* The layer's place; count if there is no room for it. */
static size_t find(struct progress *progress, const char *id)
{
	size_t i = 0;

	while (i < progress->count && strcmp(progress->layers[i].id, id) != 0)
		i++;
	if (i == progress->count && i < PROGRESS_LAYERS_MAX) {
		struct progress_layer *layer = &progress->layers[progress->count++];

		*layer = (struct progress_layer){ 0 };
		snprintf(layer->id, sizeof(layer->id), "%s", id);
	}
	return i;
}

/* The first line of a layer that is not there yet is always the same, whatever came first. */
static void show_first(struct progress *progress, struct progress_layer *layer,
		       enum image_layer_state state)
{
	layer->state = state == LAYER_EXISTS ? LAYER_EXISTS : LAYER_WAITING;
	layer->is_shown = true;
	print_line(progress, layer, NULL);
}

void progress_layer(struct progress *progress, const struct image_event *event)
{
	size_t index = find(progress, event->id);

	if (index == PROGRESS_LAYERS_MAX)
		return;
	struct progress_layer *layer = &progress->layers[index];

	if (event->state == LAYER_EXISTS && !progress->shows_existing &&
	    progress->kind != PROGRESS_PUSH) {
		layer->state = LAYER_EXISTS;
		return;
	}
	progress_show_existing(progress);
	if (!layer->is_shown)
		show_first(progress, layer, event->state);
	bool has_changed = layer->state != event->state;

	layer->state = event->state;
	if (progress->is_terminal)
		redraw(progress, index, event);
	else if (has_changed && (event->state == LAYER_DONE || progress->kind == PROGRESS_PUSH))
		print_line(progress, layer, event);
}

/* A line that is never drawn again, but counts when those above it are. */
void progress_notice(struct progress *progress, const struct image_event *event)
{
	fprintf(progress->is_terminal ? progress->out : stderr, "%s\n", event->text);
	if (progress->is_terminal && progress->count < PROGRESS_LAYERS_MAX)
		progress->layers[progress->count++] = (struct progress_layer){ .is_shown = true };
}
