/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/exitrecord.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/jsonout.h"
#include "base/proc.h"
#include "base/spare.h"
#include "runtime/jsonlog.h"

#define RECORD_MAX SPARE_SIZE /* bytes of exit.json */

static void add_time(struct jsonout *out, const char *key, struct timespec time)
{
	char text[JSONLOG_TIME_SIZE];

	jsonlog_time(text, time);
	jsonout_text(out, key, text);
}

static void add_members(struct jsonout *out, const struct exit_record *record)
{
	int status = record->status;

	jsonout_int(out, "code", proc_exit_code(status));
	jsonout_int(out, "signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	jsonout_bool(out, "oom_killed", record->is_oom_killed);
	add_time(out, "started_at", record->started);
	add_time(out, "finished_at", record->finished);
	if (record->restart_count)
		jsonout_int(out, "restart_count", record->restart_count);
	if (record->is_restarting)
		jsonout_bool(out, "restarting", true);
	if (record->log_dropped)
		jsonout_int(out, "log_dropped", (int64_t)record->log_dropped);
	if (record->trouble.text[0])
		jsonout_text(out, "trouble", record->trouble.text);
}

void exitrecord_keep_space(const char *path)
{
	struct error ignored; /* the disk is full already: a record may still find room later */

	if (!spare_keep(AT_FDCWD, path, SPARE_SIZE, &ignored))
		return;
}

bool exitrecord_write(const struct exit_record *record, const char *path, enum file_lasting lasting,
		      struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, RECORD_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	add_members(&out, record);
	jsonout_object_end(&out);
	jsonout_done(&out);
	buf_add_char(&text, '\n');
	return (lasting == FILE_VOLATILE ? spare_become : spare_replace)(
		AT_FDCWD, path, text.data, text.length, 0644, lasting, err);
}
