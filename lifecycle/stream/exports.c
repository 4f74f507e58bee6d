/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/exports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "lifecycle/stream/exporter.h"

#define BACK_OFF_MS     1000
#define BACK_OFF_MAX_MS (5 * 60 * 1000)
#define SAVE_MS         1000 /* batches: at most so often; what is delivered twice then is delivered */

/* -- whose turn it is ---------------------------------------------------------------------------
 */

const struct export_definition *exporter_config(const struct exporter *exporter)
{
	return definition_export(&exporter->set->stream->definition, exporter->identifier);
}

static int64_t now(const struct exports *exports)
{
	return stream_clock_now(exports->clock);
}

static void call_turn(struct exports *exports)
{
	int64_t wait = exports->free_at - now(exports);

	loop_arm(exports->clock->loop, &exports->turn, wait > 0 ? wait : 0);
}

static bool is_before(const struct exporter *a, const struct exporter *b)
{
	int64_t left = exporter_config(a)->priority, right = exporter_config(b)->priority;

	return left != right ? left < right : a->ready_since < b->ready_since;
}

static struct exporter *choose(const struct exports *exports)
{
	struct exporter *best = NULL;

	for (const struct export_set *set = exports->sets; set; set = set->next)
		for (struct exporter *exporter = set->exporters; exporter;
		     exporter = exporter->next)
			if (exporter->phase == EXPORTER_READY &&
			    (!best || is_before(exporter, best)))
				best = exporter;
	return best;
}

static void on_turn(struct loop_timer *timer)
{
	struct exports *exports = timer->context;
	struct exporter *exporter;

	while ((int64_t)exports->busy < exports->settings->parallel &&
	       (exporter = choose(exports))) {
		if (exports->free_at > now(exports)) {
			call_turn(exports);
			return;
		}
		exporter->phase = EXPORTER_BUSY;
		exports->busy++;
		if (exporter->kind == EXPORT_S3)
			export_s3_begin(exporter);
		else
			export_batch_begin(exporter);
	}
}

static void make_ready(struct exporter *exporter)
{
	struct exports *exports = exporter->set->exports;

	loop_disarm(exports->clock->loop, &exporter->timer);
	exporter->phase = EXPORTER_READY;
	exporter->ready_since = now(exports);
	call_turn(exports);
}

static void pause(struct exporter *exporter, int64_t milliseconds)
{
	exporter->phase = EXPORTER_PAUSED;
	loop_arm(exporter->set->exports->clock->loop, &exporter->timer, milliseconds);
}

/* Milliseconds until what waits is due; 0: it is. */
static int64_t due_in(const struct exporter *exporter, const struct export_definition *config)
{
	struct stream *stream = exporter->set->stream;
	struct cursor cursor;
	struct record record;
	struct error err;
	bool is_there;
	int64_t age;

	if (config->batch_interval == 0 ||
	    stream->next_sequence - exporter->position >= config->batch_size ||
	    !stream_seek(stream, exporter->position, &cursor, &err) ||
	    !stream_peek(stream, &cursor, &record, &is_there, &err) || !is_there)
		return 0;
	age = stream_clock_wall(exporter->set->exports->clock) - record.time;
	return age < 0 || age >= config->batch_interval ? 0 : config->batch_interval - age;
}

/* Something may have changed. */
static void look(struct exporter *exporter)
{
	const struct export_definition *config = exporter_config(exporter);
	const struct stream *stream = exporter->set->stream;
	int64_t wait;

	if (exporter->phase == EXPORTER_BUSY ||
	    (exporter->phase == EXPORTER_PAUSED && exporter->failures))
		return;
	loop_disarm(exporter->set->exports->clock->loop, &exporter->timer);
	exporter->phase = EXPORTER_IDLE;
	if (exporter->position < stream_oldest(stream))
		exporter->position = stream_oldest(stream);
	if (config->is_disabled || exporter->position >= stream->next_sequence)
		return;
	if (exporter->kind == EXPORT_ANALYTICS) {
		exporter_blame(exporter, "AWS ended the service IoT Analytics in December 2025");
		return;
	}
	wait = due_in(exporter, config);
	if (wait < exporter->not_before - now(exporter->set->exports))
		wait = exporter->not_before - now(exporter->set->exports);
	if (wait > 0)
		pause(exporter, wait);
	else
		make_ready(exporter);
}

static void on_pause_over(struct loop_timer *timer)
{
	struct exporter *exporter = timer->context;

	exporter->phase = EXPORTER_IDLE;
	if (!exporter_config(exporter)->is_disabled && exporter->failures)
		make_ready(exporter);
	else
		look(exporter);
}

/* -- how it went --------------------------------------------------------------------------------
 */

void exporter_rest(struct exporter *exporter)
{
	struct exports *exports = exporter->set->exports;

	if (exporter->phase == EXPORTER_BUSY)
		exports->busy--;
	exporter->phase = EXPORTER_IDLE;
	call_turn(exports);
}

void exporter_blame(struct exporter *exporter, const char *why)
{
	exporter->last_time = stream_clock_wall(exporter->set->exports->clock);
	snprintf(exporter->error, sizeof(exporter->error), "%s", why);
	log_warning("stream \"%s\", export \"%s\": %s", exporter->set->stream->definition.name,
		    exporter->identifier, why);
}

void exporter_count(struct exporter *exporter, int64_t sequence, int64_t bytes)
{
	if (sequence > exporter->last_sequence)
		exporter->last_sequence = sequence;
	exporter->last_time = stream_clock_wall(exporter->set->exports->clock);
	exporter->bytes += bytes;
	exporter->messages++;
	exporter->error[0] = '\0';
}

/* What every export has finished with may go when the stream is full. */
static void note_finished(struct export_set *set)
{
	int64_t finished = INT64_MAX;

	for (const struct exporter *exporter = set->exporters; exporter; exporter = exporter->next)
		if (exporter->position < finished)
			finished = exporter->position;
	set->stream->finished = set->exporters ? finished : 0;
}

static void on_save(struct loop_timer *timer)
{
	struct export_set *set = timer->context;

	set->is_save_due = false;
	export_state_save(set);
}

void exporter_delivered(struct exporter *exporter, int64_t position, bool at_once)
{
	struct export_set *set = exporter->set;
	struct loop *loop = set->exports->clock->loop;

	if (position > exporter->position)
		exporter->position = position;
	exporter->failures = 0;
	note_finished(set);
	if (at_once)
		export_state_save(set);
	else if (!set->is_save_due)
		loop_arm(loop, &set->save, SAVE_MS);
	set->is_save_due = !at_once;
	exporter_rest(exporter);
	look(exporter);
}

/* Half of it for certain, half by chance: devices that lost one link together do not come back
 * together. */
static int64_t with_jitter(int64_t milliseconds)
{
	uint32_t chance = 0;

	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		chance = 1U << 31;
	return milliseconds / 2 + (milliseconds / 2 * (int64_t)(chance >> 8) >> 24);
}

void exporter_postpone(struct exporter *exporter, const char *why)
{
	int64_t wait = BACK_OFF_MS;

	for (int64_t i = 0; i < exporter->failures && wait < BACK_OFF_MAX_MS; i++)
		wait *= 2;
	if (wait > BACK_OFF_MAX_MS)
		wait = BACK_OFF_MAX_MS;
	exporter_blame(exporter, why);
	exporter_rest(exporter);
	exporter->failures++;
	pause(exporter, with_jitter(wait));
}

void exporter_hold_off(struct exporter *exporter, int64_t milliseconds)
{
	exporter->not_before = now(exporter->set->exports) + milliseconds;
}

void exporter_spent(struct exporter *exporter, int64_t bytes)
{
	struct exports *exports = exporter->set->exports;
	int64_t kilobits = exports->settings->bandwidth;

	if (kilobits == 0)
		return;
	if (exports->free_at < now(exports))
		exports->free_at = now(exports);
	exports->free_at += bytes * 8 / kilobits; /* bits / (bits per millisecond) */
}

/* -- exporters come and go ----------------------------------------------------------------------
 */

static struct export_set *find_set(const struct exports *exports, const struct stream *stream)
{
	struct export_set *set = exports->sets;

	while (set && set->stream != stream)
		set = set->next;
	return set;
}

static struct exporter *find_exporter(const struct export_set *set, const char *identifier)
{
	struct exporter *exporter = set ? set->exporters : NULL;

	while (exporter && strcmp(exporter->identifier, identifier) != 0)
		exporter = exporter->next;
	return exporter;
}

static void add_exporter(struct export_set *set, const struct export_definition *config)
{
	struct exporter *exporter = mem_alloc(sizeof(*exporter));

	exporter->set = set;
	exporter->identifier = mem_strdup(config->identifier);
	exporter->kind = config->kind;
	exporter->position = exporter->start = config->start;
	exporter->last_sequence = -1;
	exporter->timer = (struct loop_timer){ .on_expiry = on_pause_over, .context = exporter };
	exporter->next = set->exporters;
	set->exporters = exporter;
}

static void stop(struct exporter *exporter)
{
	struct exports *exports = exporter->set->exports;

	loop_disarm(exports->clock->loop, &exporter->timer);
	fetcher_forget(&exports->fetcher, &exporter->call);
	aws_keys_forget(&exports->keys, &exporter->keys);
	link_forget(exports->link, &exporter->opening);
	if (exporter->kind == EXPORT_S3)
		export_s3_stop(exporter);
	else
		export_batch_stop(exporter);
	exporter_rest(exporter);
}

static void free_exporter(struct exporter *exporter)
{
	struct exporter **link = &exporter->set->exporters;

	stop(exporter);
	while (*link != exporter)
		link = &(*link)->next;
	*link = exporter->next;
	free(exporter->identifier);
	free(exporter);
}

static void before_drop(struct stream *stream, int64_t end)
{
	struct export_set *set = stream->owner;

	for (struct exporter *exporter = set->exporters; exporter; exporter = exporter->next)
		if (exporter->kind == EXPORT_S3 && exporter->position < end)
			export_s3_cancel(exporter, end);
}

static struct export_set *add_set(struct exports *exports, struct stream *stream)
{
	struct export_set *set = mem_alloc(sizeof(*set));

	set->exports = exports;
	set->stream = stream;
	set->save = (struct loop_timer){ .on_expiry = on_save, .context = set };
	set->next = exports->sets;
	exports->sets = set;
	stream->owner = set;
	stream->before_drop = before_drop;
	return set;
}

/* What is gone is cancelled, also where something else has its name now. */
void exports_prepare(struct exports *exports, struct stream *stream, const struct definition *new)
{
	struct export_set *set = find_set(exports, stream);
	struct exporter *next;

	for (struct exporter *exporter = set ? set->exporters : NULL; exporter; exporter = next) {
		const struct export_definition *config =
			definition_export(new, exporter->identifier);

		next = exporter->next;
		if (config && config->kind == exporter->kind)
			continue;
		if (exporter->kind == EXPORT_S3)
			export_s3_cancel(exporter, stream->next_sequence);
		free_exporter(exporter);
	}
}

/* Clients send back what they were told: only another start than the one we know is a wish. */
static void apply_config(struct exporter *exporter, const struct export_definition *config)
{
	if (config->start != exporter->start) {
		stop(exporter);
		exporter->start = exporter->position = config->start;
		exporter->failures = 0;
	}
	if (config->is_disabled && exporter->phase == EXPORTER_READY)
		exporter->phase = EXPORTER_IDLE;
	look(exporter);
}

void exports_define(struct exports *exports, struct stream *stream)
{
	const struct definition *definition = &stream->definition;
	struct export_set *set = find_set(exports, stream);
	bool has_new = false;

	if (!set && definition->export_count == 0)
		return;
	if (!set)
		set = add_set(exports, stream);
	for (size_t i = 0; i < definition->export_count; i++) {
		if (find_exporter(set, definition->exports[i].identifier))
			continue;
		add_exporter(set, &definition->exports[i]);
		has_new = true;
	}
	if (has_new)
		export_state_load(set);
	for (struct exporter *exporter = set->exporters; exporter; exporter = exporter->next)
		apply_config(exporter, exporter_config(exporter));
	note_finished(set);
	export_state_save(set);
}

void exports_appended(struct exports *exports, struct stream *stream)
{
	struct export_set *set = stream->owner;

	(void)exports;
	for (struct exporter *exporter = set ? set->exporters : NULL; exporter;
	     exporter = exporter->next)
		if (exporter->phase != EXPORTER_READY)
			look(exporter);
}

static void free_set(struct export_set *set)
{
	struct export_set **link = &set->exports->sets;

	while (set->exporters)
		free_exporter(set->exporters);
	loop_disarm(set->exports->clock->loop, &set->save);
	set->stream->owner = NULL;
	set->stream->before_drop = NULL;
	while (*link != set)
		link = &(*link)->next;
	*link = set->next;
	free(set);
}

void exports_remove(struct exports *exports, struct stream *stream)
{
	struct export_set *set = find_set(exports, stream);

	if (!set)
		return;
	for (struct exporter *exporter = set->exporters; exporter; exporter = exporter->next)
		if (exporter->kind == EXPORT_S3)
			export_s3_cancel(exporter, stream->next_sequence);
	free_set(set);
}

void exports_status(const struct exports *exports, const struct stream *stream,
		    const char *identifier, struct export_status *status)
{
	const struct exporter *exporter = find_exporter(find_set(exports, stream), identifier);

	*status = (struct export_status){ .last_sequence = -1, .error = "" };
	if (exporter)
		*status = (struct export_status){ .last_sequence = exporter->last_sequence,
						  .last_time = exporter->last_time,
						  .bytes = exporter->bytes,
						  .messages = exporter->messages,
						  .error = exporter->error };
}

void exports_open(struct exports *exports)
{
	fetcher_init(&exports->fetcher, exports->link, exports->clock);
	aws_keys_init(&exports->keys, &exports->fetcher, exports->settings);
	exports->turn = (struct loop_timer){ .on_expiry = on_turn, .context = exports };
	for (struct stream *stream = exports->depot->streams; stream; stream = stream->next)
		exports_define(exports, stream);
}

void exports_close(struct exports *exports)
{
	while (exports->sets) {
		export_state_save(exports->sets);
		free_set(exports->sets);
	}
	loop_disarm(exports->clock->loop, &exports->turn);
	aws_keys_done(&exports->keys);
	fetcher_done(&exports->fetcher);
}
