/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logfile.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/tap.h"

#define ID           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define TIME(second) ",\"time\":\"2026-01-01T00:00:0" second "Z\"}\n"

static struct engine engine;
static struct error err;

static bool gather(void *context, const struct logrecord *record)
{
	buf_add_text(context, record->is_stderr ? "E" : "O");
	buf_add(context, record->bytes, record->length);
	return true;
}

static void write_log(const char *name, const char *text)
{
	autofree char *path = mem_printf(ID "/%s", name);

	check_ok(file_replace(engine.containers, path, text, strlen(text), 0640, FILE_VOLATILE,
			      &err),
		 &err, "write %s", name);
}

static void append_log(const char *text)
{
	autoclose int file =
		openat(engine.containers, ID "/container.log", O_WRONLY | O_APPEND | O_CLOEXEC);

	check_ok(file_write(file, "container.log", text, strlen(text), &err), &err, "append");
}

static void check_read(const struct logfile_query *wanted, const char *expected, const char *what)
{
	const struct container container = { .id = ID, .log_driver = "json-file" };
	struct logfile_query query = *wanted;
	autobuf struct buf got;

	buf_init(&got, 65536);
	query.on_record = gather;
	query.context = &got;
	query.interrupt = -1;
	check_ok(logfile_read(&engine, &container, &query, &err), &err, "read: %s", what);
	buf_add_char(&got, '\0');
	check_text(got.data, expected, "%s", what);
}

/* Those there are when it is opened are skipped, however many the query would have shown. */
static void check_skip(int64_t tail)
{
	autobuf struct buf got;
	const struct logfile_query query = {
		.tail = tail, .on_record = gather, .context = &got, .interrupt = -1
	};
	struct logfile *log = NULL;

	buf_init(&got, 65536);
	write_log("container.log", "{\"log\":\"a\\n\",\"stream\":\"stdout\"" TIME("2"));
	if (!check_ok(logfile_open(&engine, ID, &query, &log, &err), &err, "open the log"))
		return;
	check_ok(logfile_skip(log, &err), &err, "skip what there is");
	check_int((long long)got.length, 0, "with --tail %lld: nothing is shown", (long long)tail);
	append_log("{\"log\":\"b\\n\",\"stream\":\"stdout\"" TIME("3"));
	check_ok(logfile_pump(log, &err), &err, "read on");
	buf_add_char(&got, '\0');
	check_text(got.data, "Ob\n", "but for what comes later");
	logfile_close(log);
}

int main(void)
{
	engine.root = mem_strdup(tap_dir());
	engine.run = mem_strdup(tap_dir());
	engine.containers = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(mkdirat(engine.containers, ID, 0700) == 0, "a container's directory");

	check_read(&(struct logfile_query){ .tail = -1 }, "", "no log is an empty log");
	write_log("container.log.1", "{\"log\":\"old\\n\",\"stream\":\"stdout\"" TIME("1"));
	write_log("container.log", "{\"log\":\"a\\n\",\"stream\":\"stdout\"" TIME(
					   "2") "{\"log\":\"b\\u00e9\\t\\\"\\\\\",\"stream\":"
						"\"stderr\"" TIME("3") "damaged\n"
								       "{\"log\":\"cut");
	check_read(&(struct logfile_query){ .tail = -1 }, "Oold\nOa\nEb\xc3\xa9\t\"\\",
		   "rotated files first; what is damaged or unfinished is left out");
	check_read(&(struct logfile_query){ .tail = 0 }, "", "the last 0");
	check_read(&(struct logfile_query){ .tail = 3 }, "Oa\nEb\xc3\xa9\t\"\\",
		   "the last 3 lines");
	check_read(&(struct logfile_query){ .tail = 99 }, "Oold\nOa\nEb\xc3\xa9\t\"\\",
		   "the last 99");
	check_read(&(struct logfile_query){ .tail = -1, .since_seconds = 1767225602 },
		   "Oa\nEb\xc3\xa9\t\"\\", "since");
	check_read(&(struct logfile_query){ .tail = -1, .until_seconds = 1767225601 }, "Oold\n",
		   "until");

	check_skip(-1);
	check_skip(1);
	check_skip(9);

	const struct container none = { .id = ID, .log_driver = "none" };
	const struct logfile_query query = { .tail = -1, .on_record = gather, .interrupt = -1 };
	check_error(logfile_read(&engine, &none, &query, &err), &err, ERROR_UNSUPPORTED,
		    "configured logging driver does not support reading", "no log at all");
	close(engine.containers);
	free(engine.root);
	free(engine.run);
	return tap_done();
}
