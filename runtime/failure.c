/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/failure.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "runtime/state.h"

#define RECORD_MAX (8 * ERROR_TEXT_MAX)

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

static void add_record(struct buf *record, bool is_json, const char *text)
{
	char now[STATE_TIME_SIZE];
	struct jsonout out;

	state_now(now);
	if (is_json) {
		jsonout_init(&out, record, false);
		jsonout_object(&out, NULL);
		jsonout_text(&out, "level", "error");
		jsonout_text(&out, "msg", text);
		jsonout_text(&out, "time", now);
		jsonout_object_end(&out);
		jsonout_done(&out);
	} else {
		buf_printf(record, "time=\"%s\" level=error msg=", now);
		add_quoted(record, text);
	}
	buf_add_char(record, '\n');
}

static int open_log(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_SYNC | O_CLOEXEC, 0644);
}

/* Not kept open: its number could be that of a descriptor which the caller promised to pass. */
bool failure_open_log(const struct globals *globals, struct error *err)
{
	autoclose int log = globals->log ? open_log(globals->log) : -1;

	return !globals->log || log >= 0 || error_sys(err, "open log %s", globals->log);
}

/* Callers look for runc's texts, which have the kernel's reasons with a small first letter. */
static struct error as_runc_says(const struct error *err)
{
	struct error told = *err;
	char *reason = told.sys != 0 ? strstr(told.text, strerror(told.sys)) : NULL;

	if (reason)
		*reason = (char)tolower((unsigned char)*reason);
	return told;
}

/* A person gets the text with our name, a program the record that it expects of runc. */
int failure_report(const struct globals *globals, const struct error *err, int status)
{
	autobuf struct buf record = { 0 };
	autoclose int log = globals->log ? open_log(globals->log) : -1;
	struct error told = as_runc_says(err);
	bool is_for_person = isatty(STDERR_FILENO);
	struct error ignored;

	fflush(stdout); /* a usage text that stands there is to come first */
	buf_init(&record, RECORD_MAX);
	add_record(&record, globals->is_log_json, told.text);
	if (log >= 0 && !file_write(log, globals->log, record.data, record.length, &ignored))
		log_error("cannot write log %s", globals->log);
	if (is_for_person)
		log_error("%s", told.text);
	else
		fprintf(stderr, "%s%s", log >= 0 ? told.text : record.data, log >= 0 ? "\n" : "");
	return status;
}
