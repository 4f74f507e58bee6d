/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "runtime/state.h"

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
	char now[STATE_TIME_SIZE];
	struct jsonout out;

	state_now(now);
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

static struct {
	bool is_on, is_json;
	const char *log;
} steps;

void record_steps(bool is_json, const char *log)
{
	steps.is_on = true;
	steps.is_json = is_json;
	steps.log = log;
}

void record_step(const char *text)
{
	autobuf struct buf record = { 0 };
	autoclose int log = -1;
	struct error ignored;

	if (!steps.is_on)
		return;
	log = steps.log ? record_open(steps.log) : -1;
	buf_init(&record, RECORD_MAX);
	record_add(&record, steps.is_json, "debug", text);
	(void)!file_write(log >= 0 ? log : STDERR_FILENO, "log", record.data, record.length,
			  &ignored);
}
