/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/record.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "base/mem.h"

/* So that a record stays one line, and its end the only quote. */
static void add_quoted(struct buf *record, const char *text)
{
	buf_add_char(record, '"');
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\')
			buf_printf(record, "\\%c", byte);
		else if (byte == '\n')
			buf_add_text(record, "\\n");
		else if (byte == '\t')
			buf_add_text(record, "\\t");
		else if (byte < ' ' || byte == 0x7f)
			buf_printf(record, "\\x%02x", byte);
		else
			buf_add_char(record, (char)byte);
	}
	buf_add_char(record, '"');
}

void record_add(struct buf *record, bool is_json, const char *level, const char *text)
{
	char now[CLOCK_TEXT_SIZE];
	struct jsonout out;

	clock_print_now(now);
	if (is_json) {
		jsonout_init(&out, record, false);
		jsonout_object(&out, NULL);
		jsonout_text(&out, "level", level);
		jsonout_text(&out, "msg", text);
		jsonout_text(&out, "time", now);
		jsonout_object_end(&out);
		jsonout_done(&out);
	} else {
		buf_printf(record, "time=\"%s\" level=%s msg=", now, level);
		add_quoted(record, text);
	}
	buf_add_char(record, '\n');
}

int record_open(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_SYNC | O_CLOEXEC, 0644);
}

static struct record_way way;
static bool has_begun;

void record_begin(const struct record_way *chosen)
{
	way = *chosen;
	has_begun = true;
}

static void tell(const char *level, const char *text)
{
	autobuf struct buf record = { 0 };
	autoclose int log = way.log ? record_open(way.log) : -1;
	struct error ignored;

	buf_init(&record, RECORD_MAX);
	record_add(&record, way.is_json, level, text);
	(void)!file_write(log >= 0 ? log : STDERR_FILENO, "log", record.data, record.length,
			  &ignored);
}

void record_warning(const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list arguments;

	if (!has_begun)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	tell("warning", text);
}

void record_step(const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list arguments;

	if (!way.has_steps)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	tell("debug", text);
}
