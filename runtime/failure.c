/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/failure.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "runtime/record.h"

/* Not kept open: its number could be that of a descriptor which the caller promised to pass. */
bool failure_open_log(const struct globals *globals, struct error *err)
{
	autoclose int log = globals->log ? record_open(globals->log) : -1;

	return !globals->log || log >= 0 || error_sys(err, "open log %s", globals->log);
}

/* Callers look for runc's texts, which have the kernel's reasons with a small first letter. */
static struct error as_runc_says(const struct error *err)
{
	struct error told = *err;
	char *reason = told.sys != 0 ? strstr(told.text, error_words(told.sys)) : NULL;

	if (reason)
		*reason = (char)tolower((unsigned char)*reason);
	return told;
}

/* A person gets the text with our name, a program the record that it expects of runc. */
int failure_report(const struct globals *globals, const struct error *err, int status)
{
	autobuf struct buf record = { 0 };
	autoclose int log = globals->log ? record_open(globals->log) : -1;
	struct error told = as_runc_says(err);
	bool is_for_person = isatty(STDERR_FILENO);
	struct error ignored;

	fflush(stdout); /* a usage text that stands there is to come first */
	buf_init(&record, RECORD_MAX);
	record_add(&record, globals->is_log_json, "error", told.text);
	if (log >= 0 && !file_write(log, globals->log, record.data, record.length, &ignored))
		log_error("cannot write log %s", globals->log);
	if (is_for_person)
		log_error("%s", told.text);
	else
		fprintf(stderr, "%s%s", log >= 0 ? told.text : record.data, log >= 0 ? "\n" : "");
	return status;
}
