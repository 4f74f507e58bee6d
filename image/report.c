/* SPDX-License-Identifier: Apache-2.0 */
#include "image/report.h"

#include <errno.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "image/limits.h"

struct line {
	struct buf text;
	struct jsonout out;
};

static void begin(struct line *line, const char *event)
{
	buf_init(&line->text, LIMIT_EVENT);
	jsonout_init(&line->out, &line->text, false);
	jsonout_object(&line->out, NULL);
	jsonout_text(&line->out, "event", event);
}

static void send(struct line *line)
{
	struct error ignored;

	jsonout_object_end(&line->out);
	jsonout_done(&line->out);
	buf_add_char(&line->text, '\n');
	(void)!file_write(REPORT_FD, "events", line->text.data, line->text.length, &ignored);
	buf_done(&line->text);
}

void report_resolved(const struct digest *manifest)
{
	struct line line;

	begin(&line, "resolved");
	jsonout_text(&line.out, "digest", manifest->text);
	send(&line);
}

void report_pushed(const struct digest *manifest, int64_t size)
{
	struct line line;

	begin(&line, "pushed");
	jsonout_text(&line.out, "digest", manifest->text);
	jsonout_int(&line.out, "size", size);
	send(&line);
}

const char *report_state_word(enum image_layer_state state)
{
	static const char *const words[] = {
		[LAYER_WAITING] = "waiting", [LAYER_DOWNLOADING] = "downloading",
		[LAYER_EXISTS] = "exists",   [LAYER_MOUNTED] = "mounted",
		[LAYER_DONE] = "done",
	};

	return words[state];
}

void report_layer(const struct digest *layer, enum image_layer_state state, int64_t bytes,
		  int64_t total)
{
	struct line line;

	begin(&line, "layer");
	jsonout_text_n(&line.out, "id", digest_hex(layer), 12);
	jsonout_text(&line.out, "state", report_state_word(state));
	jsonout_int(&line.out, "bytes", bytes);
	jsonout_int(&line.out, "total", total);
	send(&line);
}

void report_mounted(const struct digest *layer, const char *from)
{
	struct line line;

	begin(&line, "layer");
	jsonout_text_n(&line.out, "id", digest_hex(layer), 12);
	jsonout_text(&line.out, "state", report_state_word(LAYER_MOUNTED));
	jsonout_text(&line.out, "from", from);
	send(&line);
}

void report_image(const struct digest *id, const char *reference, const struct digest *before,
		  bool is_new)
{
	bool is_replaced = before && !digest_is_empty(before) && !digest_is_equal(before, id);
	struct line line;

	begin(&line, "image");
	jsonout_text(&line.out, "id", id->text);
	if (reference)
		jsonout_text(&line.out, "reference", reference);
	if (is_replaced)
		jsonout_text(&line.out, "replaced", before->text);
	jsonout_bool(&line.out, "new", is_new);
	send(&line);
}

void report_checked(const struct digest *id, const struct digest *chain, const struct error *damage)
{
	struct line line;

	begin(&line, "checked");
	jsonout_text(&line.out, "id", id->text);
	if (chain)
		jsonout_text(&line.out, "chain", chain->text);
	if (damage)
		jsonout_text(&line.out, "damage", damage->text);
	send(&line);
}

void report_notice(const char *text)
{
	struct line line;

	begin(&line, "notice");
	jsonout_text(&line.out, "text", text);
	send(&line);
}

void report_failure(const struct error *err)
{
	struct line line;

	begin(&line, "failed");
	jsonout_text(&line.out, "kind", error_kind_word(err->kind));
	jsonout_text(&line.out, "text", err->text);
	jsonout_bool(&line.out, "full", err->kind == ERROR_NO_SPACE && err->sys != 0);
	jsonout_bool(&line.out, "read_only", err->sys == EROFS);
	send(&line);
}
