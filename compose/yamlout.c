/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/yamlout.h"

#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/attr.h"

/* Anything that begins like a number, and the words of YAML 1.1. */
static bool needs_quotes(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no",   "on",
					     "off",  "y",     "n",   "null", "~" };

	if (!*text || strchr("0123456789+-.", *text))
		return true;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcasecmp(text, words[i]) == 0)
			return true;
	}
	return false;
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	return yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)(uintptr_t)text,
					    (int)strlen(text), 1, 1, style) &&
	       yaml_emitter_emit(emitter, &event);
}

static bool emit_text(yaml_emitter_t *emitter, const char *text)
{
	if (strchr(text, '\n'))
		return emit_scalar(emitter, text, YAML_LITERAL_SCALAR_STYLE);
	return emit_scalar(emitter, text,
			   needs_quotes(text) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
					      : YAML_PLAIN_SCALAR_STYLE);
}

static bool emit(yaml_emitter_t *emitter, const struct json *value);

static bool emit_array(yaml_emitter_t *emitter, const struct json *array)
{
	yaml_event_t event;
	yaml_sequence_style_t style =
		array->child ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;

	if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) ||
	    !yaml_emitter_emit(emitter, &event))
		return false;
	for (const struct json *item = array->child; item; item = item->next) {
		if (!emit(emitter, item))
			return false;
	}
	return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_object(yaml_emitter_t *emitter, const struct json *object)
{
	yaml_event_t event;
	yaml_mapping_style_t style =
		object->child ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;

	if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style) ||
	    !yaml_emitter_emit(emitter, &event))
		return false;
	for (const struct json *member = object->child; member; member = member->next) {
		if (!emit_text(emitter, member->key) || !emit(emitter, member))
			return false;
	}
	return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit(yaml_emitter_t *emitter, const struct json *value)
{
	switch (value->type) {
	case JSON_OBJECT:
		return emit_object(emitter, value);
	case JSON_ARRAY:
		return emit_array(emitter, value);
	case JSON_TEXT:
		return emit_text(emitter, value->text);
	case JSON_NUMBER:
		return emit_scalar(emitter, value->text, YAML_PLAIN_SCALAR_STYLE);
	case JSON_BOOL:
		return emit_scalar(emitter, value->boolean ? "true" : "false",
				   YAML_PLAIN_SCALAR_STYLE);
	default:
		return emit_scalar(emitter, "null", YAML_PLAIN_SCALAR_STYLE);
	}
}

static bool emit_document(yaml_emitter_t *emitter, const struct json *tree)
{
	yaml_event_t event;

	return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	       yaml_emitter_emit(emitter, &event) &&
	       yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	       yaml_emitter_emit(emitter, &event) && emit(emitter, tree) &&
	       yaml_document_end_event_initialize(&event, 1) &&
	       yaml_emitter_emit(emitter, &event) && yaml_stream_end_event_initialize(&event) &&
	       yaml_emitter_emit(emitter, &event);
}

bool yamlout_print(const struct json *tree, FILE *out, struct error *err)
{
	yaml_emitter_t emitter;

	if (!yaml_emitter_initialize(&emitter))
		return error_set(err, ERROR_SYSTEM, "out of memory");
	yaml_emitter_set_output_file(&emitter, out);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);

	bool is_good = emit_document(&emitter, tree);

	if (!is_good)
		error_set(err, ERROR_SYSTEM, "write YAML: %s",
			  emitter.problem ? emitter.problem : "failed");
	yaml_emitter_delete(&emitter);
	return is_good;
}
