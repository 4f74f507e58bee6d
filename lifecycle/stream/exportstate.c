/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "lifecycle/stream/exporter.h"

/*
 * DIR/exports: how far each export of a stream is, replaced atomically.
 *
 *     {"exports": [{"identifier": "x", "position": 5, "start": 0, "last": 4, "time": …, "bytes": …,
 *       "messages": …, "error": "", "upload": {"sequence": 5, "key": "…", "id": "…", …}}]}
 */

#define FILE_NAME "exports"
/* Ten thousand parts of 64 bytes, for each of some exports. */
#define SIZE_MAX_BYTES (8 << 20)

/* -- writing ------------------------------------------------------------------------------------
 */

static void put_upload(struct jsonout *out, const struct upload *upload)
{
	jsonout_object(out, "upload");
	jsonout_int(out, "sequence", upload->sequence);
	jsonout_text(out, "key", upload->key);
	if (upload->region)
		jsonout_text(out, "region", upload->region);
	jsonout_text(out, "id", upload->id);
	jsonout_int(out, "size", upload->size);
	jsonout_int(out, "inode", upload->inode);
	jsonout_int(out, "mtime", upload->mtime);
	jsonout_int(out, "part_size", upload->part_size);
	jsonout_texts(out, "etags", upload->etags, (size_t)upload->part_count);
	jsonout_object_end(out);
}

static void put_exporter(struct jsonout *out, const struct exporter *exporter)
{
	jsonout_object(out, NULL);
	jsonout_text(out, "identifier", exporter->identifier);
	jsonout_int(out, "kind", exporter->kind);
	jsonout_int(out, "position", exporter->position);
	jsonout_int(out, "start", exporter->start);
	jsonout_int(out, "last", exporter->last_sequence);
	jsonout_int(out, "time", exporter->last_time);
	jsonout_int(out, "bytes", exporter->bytes);
	jsonout_int(out, "messages", exporter->messages);
	jsonout_text(out, "error", exporter->error);
	if (exporter->upload && exporter->upload->id)
		put_upload(out, exporter->upload);
	jsonout_object_end(out);
}

void export_state_save(struct export_set *set)
{
	autobuf struct buf text;
	struct jsonout out;
	struct error err;

	buf_init(&text, SIZE_MAX_BYTES);
	for (struct exporter *exporter = set->exporters; exporter; exporter = exporter->next)
		exporter->is_known = true;
	if (set->stream->definition.persistence == PERSISTENCE_MEMORY)
		return;
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_array(&out, "exports");
	for (const struct exporter *exporter = set->exporters; exporter; exporter = exporter->next)
		put_exporter(&out, exporter);
	jsonout_array_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!buf_check(&text, FILE_NAME, &err) ||
	    !file_replace(set->stream->dir, FILE_NAME, text.data, text.length, 0600, FILE_DURABLE,
			  &err))
		log_error("stream \"%s\": save how far its exports are: %s",
			  set->stream->definition.name, err.text);
}

/* -- reading ------------------------------------------------------------------------------------
 */

static bool read_upload(struct upload *upload, const struct json *json, struct error *err)
{
	size_t count;

	if (!json_int(json, "sequence", &upload->sequence, err) ||
	    !json_text(json, "key", &upload->key, err) ||
	    !json_text_or(json, "region", NULL, &upload->region, err) ||
	    !json_text(json, "id", &upload->id, err) ||
	    !json_int(json, "size", &upload->size, err) ||
	    !json_int(json, "inode", &upload->inode, err) ||
	    !json_int(json, "mtime", &upload->mtime, err) ||
	    !json_int(json, "part_size", &upload->part_size, err))
		return false;

	const char **etags;

	if (!json_text_array(&upload->arena, json, "etags", &etags, &count, err))
		return false;
	if (count > EXPORT_PARTS_MAX || upload->part_size < DEFINITION_PART_SIZE_MIN)
		return error_set(err, ERROR_CORRUPT, "upload: no such parts");
	upload->etags = arena_array(&upload->arena, EXPORT_PARTS_MAX, sizeof(*upload->etags));
	for (size_t i = 0; i < count; i++)
		upload->etags[i] = arena_strdup(&upload->arena, etags[i]);
	upload->part_count = (int64_t)count;
	upload->key = arena_strdup(&upload->arena, upload->key);
	upload->region = arena_strdup(&upload->arena, upload->region);
	upload->id = arena_strdup(&upload->arena, upload->id);
	return true;
}

static bool read_exporter(struct exporter *exporter, const struct json *json, struct error *err)
{
	const struct json *upload = json_get(json, "upload");
	const char *text;

	if (!json_int(json, "position", &exporter->position, err) ||
	    !json_int(json, "start", &exporter->start, err) ||
	    !json_int(json, "last", &exporter->last_sequence, err) ||
	    !json_int(json, "time", &exporter->last_time, err) ||
	    !json_int(json, "bytes", &exporter->bytes, err) ||
	    !json_int(json, "messages", &exporter->messages, err) ||
	    !json_text(json, "error", &text, err))
		return false;
	snprintf(exporter->error, sizeof(exporter->error), "%s", text);
	if (!upload)
		return true;
	exporter->upload = mem_alloc(sizeof(*exporter->upload));
	exporter->upload->fd = -1;
	if (read_upload(exporter->upload, upload, err))
		return true;
	export_s3_stop(exporter);
	return false;
}

static bool read_entry(struct export_set *set, const struct json *json, struct error *err)
{
	struct exporter *exporter = set->exporters;
	const char *identifier;
	int64_t kind;

	if (!json_text(json, "identifier", &identifier, err) || !json_int(json, "kind", &kind, err))
		return false;
	while (exporter && strcmp(exporter->identifier, identifier) != 0)
		exporter = exporter->next;
	/* One that was in use already knows better. */
	if (!exporter || exporter->is_known || (int64_t)exporter->kind != kind)
		return true;
	return read_exporter(exporter, json, err);
}

static bool load(struct export_set *set, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	const struct json *root, *list;

	buf_init(&text, SIZE_MAX_BYTES);
	if (!file_read(set->stream->dir, FILE_NAME, &text, err))
		return err->kind == ERROR_NOT_FOUND;
	if (!json_parse(&arena, FILE_NAME, text.data, text.length, &root, err) ||
	    !json_array_or_null(root, "exports", &list, err))
		return false;
	for (const struct json *entry = list ? list->child : NULL; entry; entry = entry->next)
		if (!read_entry(set, entry, err))
			return false;
	return true;
}

void export_state_load(struct export_set *set)
{
	struct error err;

	if (set->stream->definition.persistence == PERSISTENCE_FILE && !load(set, &err))
		log_error("stream \"%s\": %s; its exports begin anew", set->stream->definition.name,
			  err.text);
}
