/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/oci.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/texts.h"

#define COMPLAINT_MAX 8192 /* bytes of an error record */

/* Of the record `time="…" level=error msg="TEXT"`; quotes in the text are escaped. */
static void take_message(char *record, const char **message)
{
	static const char mark[] = " msg=\"";
	char *at = strstr(record, mark);
	char *to;

	if (!at) {
		record[strcspn(record, "\n")] = '\0';
		*message = record;
		return;
	}
	at += strlen(mark);
	*message = to = at;
	for (; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1])
			at++;
		*to++ = *at;
	}
	*to = '\0';
}

static bool read_streams(const int streams[2], struct buf *output, struct buf *complaint,
			 struct error *err)
{
	autobuf struct buf unwanted;

	buf_init(&unwanted, COMPLAINT_MAX);
	/* One after the other will do: what goes to stderr is one record. */
	return file_read_fd(streams[0], "mooring-runc", output ? output : &unwanted, err) &&
	       file_read_fd(streams[1], "mooring-runc", complaint, err);
}

/* Closes both streams: one that says too much would wait for ever to be heard. */
static bool finish(struct proc *proc, int streams[2], struct buf *output, struct error *err)
{
	autobuf struct buf complaint;
	const char *message = "";
	struct error waiting;
	int status;

	buf_init(&complaint, COMPLAINT_MAX);
	bool is_read = read_streams(streams, output, &complaint, err);

	drop_fd(&streams[0]);
	drop_fd(&streams[1]);
	if (!proc_wait(proc, &status, &waiting)) {
		*err = waiting;
		return false;
	}
	if (!is_read || status == 0)
		return is_read;
	if (complaint.length)
		take_message(complaint.data, &message);
	return error_set(err, ERROR_SYSTEM, "%s", message);
}

bool oci_call(const struct engine *engine, const char *const *words, size_t count,
	      struct buf *output, struct error *err)
{
	autofree char *program = NULL;
	autofree char *root = mem_printf("%s/runc", engine->run);
	autotexts struct texts argv = { 0 };
	int out[2];
	int errors[2];

	if (!proc_helper("mooring-runc", &program, err))
		return false;
	texts_add(&argv, program);
	texts_add(&argv, "--root");
	texts_add(&argv, root);
	texts_add_all(&argv, words, count);
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	autoclose int out_end = out[0];
	autoclose int out_start = out[1];
	if (pipe2(errors, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	autoclose int errors_end = errors[0];
	autoclose int errors_start = errors[1];
	const struct proc_fd fds[] = { { out_start, STDOUT_FILENO },
				       { errors_start, STDERR_FILENO } };
	const struct proc_options options = { .argv = argv.items,
					      .fds = fds,
					      .fd_count = COUNT_OF(fds) };
	struct proc proc;
	if (!proc_spawn(&options, &proc, err))
		return false;
	drop_fd(&out_start);
	drop_fd(&errors_start);
	int streams[2] = { take_fd(&out_end), take_fd(&errors_end) };
	return finish(&proc, streams, output, err);
}
