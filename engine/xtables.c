/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/xtables.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "engine/container.h"
#include "engine/status.h"

#define SAVED_MAX   (16 << 20)
#define SCRIPT_MAX  (8 << 20)
#define MESSAGE_MAX 4096
#define RECORD_MAX  256
#define LOCK_NAME   ".lock"
#define EXIT_BUSY   4    /* somebody else's iptables does not end */
#define WAIT        "10" /* seconds, for other people's iptables */

/* Programs. ----------------------------------------------------------------------------------- */

/* The old kernel interface goes by the first name where there are two kinds of iptables. */
enum kind {
	KIND_LEGACY,
	KIND_USUAL,
};

static const char *const kinds[] = { [KIND_LEGACY] = "tables-legacy", [KIND_USUAL] = "tables" };

/* Not by PATH: who may call us is not who says what root executes. */
static char *find_program(enum kind kind, int family, const char *verb)
{
	static const char *const places[] = { "/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin" };

	for (size_t i = 0; i < COUNT_OF(places); i++) {
		char *path = mem_printf("%s/%s%s-%s", places[i], family == AF_INET6 ? "ip6" : "ip",
					kinds[kind], verb);

		if (access(path, X_OK) == 0)
			return path;
		mem_cleanup_free(&path);
	}
	return NULL;
}

static bool spawn_and_wait(const char *const *argv, const int fds[3], int *code, struct error *err)
{
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	const struct proc_fd passed[] = { { fds[0], 0 }, { fds[1], 1 }, { fds[2], 2 } };
	const struct proc_options options = {
		.argv = argv, .env = env, .fds = passed, .fd_count = COUNT_OF(passed)
	};
	struct proc proc;
	int status;

	if (!proc_spawn(&options, &proc, err) || !proc_wait(&proc, &status, err))
		return false;
	*code = proc_exit_code(status);
	return true;
}

/* Files in memory: nobody waits for anybody, however much is written. */
static bool run(const char *const *argv, const struct buf *input, struct buf *output,
		struct error *err)
{
	autoclose int in = memfd_create("rules", MFD_CLOEXEC);
	autoclose int out = memfd_create("saved", MFD_CLOEXEC);
	autoclose int words = memfd_create("words", MFD_CLOEXEC);
	const int fds[3] = { in, out, words };
	autobuf struct buf message;
	int code;

	buf_init(&message, MESSAGE_MAX);
	if (in < 0 || out < 0 || words < 0)
		return error_sys(err, "make room for rules");
	if ((input && !file_write(in, "rules", input->data, input->length, err)) ||
	    lseek(in, 0, SEEK_SET) < 0 || !spawn_and_wait(argv, fds, &code, err))
		return error_in(err, "run %s", argv[0]);
	if (code == 0) {
		lseek(out, 0, SEEK_SET);
		return !output || file_read_fd(out, argv[0], output, err);
	}
	lseek(words, 0, SEEK_SET);
	if (!file_read_fd(words, argv[0], &message, err))
		return false;
	return error_set(err, code == EXIT_BUSY ? ERROR_SYSTEM : ERROR_UNSUPPORTED, "%s: %.*s",
			 argv[0], (int)strcspn(message.data ? message.data : "", "\n"),
			 message.data ? message.data : "");
}

static bool save(enum kind kind, int family, struct buf *saved, struct error *err)
{
	autofree char *program = find_program(kind, family, "save");
	const char *const argv[] = { program, NULL };

	buf_init(saved, SAVED_MAX);
	return program ? run(argv, NULL, saved, err)
		       : error_set(err, ERROR_UNSUPPORTED, "there is no program %s%s-save",
				   family == AF_INET6 ? "ip6" : "ip", kinds[kind]);
}

static bool restore(enum kind kind, int family, const struct buf *script, struct error *err)
{
	autofree char *program = find_program(kind, family, "restore");
	const char *const argv[] = { program, "--noflush", "--wait", WAIT, NULL };

	if (!buf_check(script, "the network's rules", err))
		return false;
	return program ? run(argv, script, NULL, err)
		       : error_set(err, ERROR_UNSUPPORTED, "there is no program %s%s-restore",
				   family == AF_INET6 ? "ip6" : "ip", kinds[kind]);
}

/* Records. ------------------------------------------------------------------------------------ */

struct record {
	enum kind kind;
	char container[CONTAINER_ID_LENGTH + 1]; /* "": nobody's */
};

struct records {
	int dir;
	int lock;
};

#define autorecords __attribute__((cleanup(close_records)))

static void close_records(struct records *records)
{
	mem_cleanup_close(&records->dir);
	mem_cleanup_close(&records->lock);
}

static bool open_records(const struct engine *engine, bool is_made, struct records *records,
			 struct error *err)
{
	autofree char *path = mem_printf("%s/iptables", engine->run);

	*records = (struct records){ .dir = -1, .lock = -1 };
	if (is_made && !path_make_own_dirs(path, 0700, err))
		return false;
	records->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (records->dir < 0)
		return error_sys(err, "open %s", path);
	return file_lock(records->dir, LOCK_NAME, FILE_LOCK_EXCLUSIVE, &records->lock, err);
}

static bool read_record(const struct records *records, const char *name, struct record *record)
{
	autobuf struct buf text;
	struct error ignored;

	buf_init(&text, RECORD_MAX);
	*record = (struct record){ .kind = KIND_USUAL };
	if (name[0] == '.' || !file_read(records->dir, name, &text, &ignored) || !text.length)
		return false;

	const char *end = strchr(text.data, '\n');

	if (!end)
		return false;
	if (strncmp(text.data, kinds[KIND_LEGACY], strlen(kinds[KIND_LEGACY])) == 0)
		record->kind = KIND_LEGACY;
	if (strlen(end + 1) == CONTAINER_ID_LENGTH)
		memcpy(record->container, end + 1, CONTAINER_ID_LENGTH);
	return true;
}

static bool write_record(const struct records *records, const char *name,
			 const struct record *record, struct error *err)
{
	autofree char *text = mem_printf("%s\n%s", kinds[record->kind], record->container);

	return file_replace(records->dir, name, text, strlen(text), 0600, FILE_VOLATILE, err);
}

/* Sets. --------------------------------------------------------------------------------------- */

static bool take_out(enum kind kind, int family, const char *name, struct error *err)
{
	autobuf struct buf saved = { 0 }, script = { 0 };

	buf_init(&script, SCRIPT_MAX);
	if (!save(kind, family, &saved, err))
		return false;
	iptables_undo_script(saved.data ? saved.data : "", name, &script);
	return !script.length || restore(kind, family, &script, err);
}

/* IPv6's programs or tables may be missing where there never was a rule of it. */
static bool take_out_all(enum kind kind, const char *name, struct error *err)
{
	return take_out(kind, AF_INET, name, err) &&
	       (take_out(kind, AF_INET6, name, err) || err->kind == ERROR_UNSUPPORTED);
}

static bool put_in(const struct records *records, enum kind kind, const struct iptables *set,
		   const struct buf *script, const char *container, struct error *err)
{
	struct record record = { .kind = kind }, before;
	bool was_there = read_record(records, set->name, &before);

	memcpy(record.container, container, strnlen(container, CONTAINER_ID_LENGTH));
	if (was_there && !take_out(before.kind, set->family, set->name, err) &&
	    err->kind != ERROR_UNSUPPORTED)
		return false;
	/* First the record, then the rules: what is half-made is found. */
	if (!write_record(records, set->name, &record, err))
		return false;
	if (restore(kind, set->family, script, err))
		return true;

	struct error second; /* the first failure is the one to tell */

	/* Where not even looking works, nothing can have been put in. */
	if ((take_out(kind, set->family, set->name, &second) || second.kind == ERROR_UNSUPPORTED) &&
	    !was_there)
		unlinkat(records->dir, set->name, 0);
	return false;
}

bool xtables_apply(const struct engine *engine, const struct iptables *set, const char *container,
		   struct error *err)
{
	autorecords struct records records = { -1, -1 };
	autobuf struct buf script;
	struct error legacy;

	buf_init(&script, SCRIPT_MAX);
	iptables_script(set, &script);
	if (!open_records(engine, true, &records, err))
		return false;
	/* Both kinds may be installed, and the kernel may have what either needs. */
	return put_in(&records, KIND_USUAL, set, &script, container, err) ||
	       (err->kind == ERROR_UNSUPPORTED &&
		put_in(&records, KIND_LEGACY, set, &script, container, &legacy));
}

bool xtables_has(const struct engine *engine, int family, const char *name, const char *chain)
{
	autorecords struct records records = { -1, -1 };
	autobuf struct buf saved = { 0 };
	struct record record;
	struct error ignored; /* an answer either way */

	return open_records(engine, false, &records, &ignored) &&
	       read_record(&records, name, &record) &&
	       save(record.kind, family, &saved, &ignored) && saved.data &&
	       iptables_has(saved.data, name) && iptables_has_chain(saved.data, name, chain);
}

static bool remove_set(const struct records *records, const char *name, struct error *err)
{
	struct record record;

	return !read_record(records, name, &record) ||
	       (take_out_all(record.kind, name, err) &&
		(unlinkat(records->dir, name, 0) == 0 || error_sys(err, "forget rules %s", name)));
}

bool xtables_remove(const struct engine *engine, const char *name, struct error *err)
{
	autorecords struct records records = { -1, -1 };

	if (!open_records(engine, false, &records, err))
		return err->kind == ERROR_NOT_FOUND;
	return remove_set(&records, name, err);
}

void xtables_sweep(const struct engine *engine)
{
	autorecords struct records records = { -1, -1 };
	struct error ignored; /* what cannot be removed is found the next time */

	if (!open_records(engine, false, &records, &ignored))
		return;

	file_sweep(records.dir);

	autodir DIR *entries = file_list(records.dir, ".");

	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		struct record record;

		if (read_record(&records, entry->d_name, &record) && record.container[0] &&
		    !status_is_locked(engine, record.container) &&
		    !remove_set(&records, entry->d_name, &ignored))
			return;
	}
}

/* The firewall of others. --------------------------------------------------------------------- */

/* Whether the old table `filter` is in use in this network namespace. */
static bool has_old_filter(int family)
{
	autobuf struct buf names;
	struct error ignored;

	buf_init(&names, RECORD_MAX);
	return file_read(AT_FDCWD,
			 family == AF_INET6 ? "/proc/thread-self/net/ip6_tables_names"
					    : "/proc/thread-self/net/ip_tables_names",
			 &names, &ignored) &&
	       names.data && strstr(names.data, "filter\n");
}

static bool pass(const struct records *records, enum kind kind, const char *bridge, int family,
		 struct error *err)
{
	autofree char *name = mem_printf("pass-%s", bridge);
	const struct record record = { .kind = kind };
	autobuf struct buf saved = { 0 }, script;

	buf_init(&script, SCRIPT_MAX);
	if (!save(kind, family, &saved, err))
		return false;
	if (!saved.data || iptables_has(saved.data, name) || !iptables_forwards_nothing(saved.data))
		return true;

	const char *chain = strstr(saved.data, "\n:DOCKER-USER ") ? "DOCKER-USER" : "FORWARD";

	buf_printf(&script,
		   "*filter\n-I %s -i %s -m comment --comment %s -j ACCEPT\n"
		   "-I %s -o %s -m comment --comment %s -j ACCEPT\nCOMMIT\n",
		   chain, bridge, name, chain, bridge, name);
	return write_record(records, name, &record, err) && restore(kind, family, &script, err);
}

bool xtables_pass(const struct engine *engine, const char *bridge, int family, struct error *err)
{
	autorecords struct records records = { -1, -1 };

	if (!has_old_filter(family))
		return true;
	return open_records(engine, true, &records, err) &&
	       (pass(&records, KIND_LEGACY, bridge, family, err) ||
		(err->kind == ERROR_UNSUPPORTED &&
		 pass(&records, KIND_USUAL, bridge, family, err)));
}

bool xtables_shut(int family, struct error *err)
{
	autobuf struct buf script;

	buf_init(&script, SCRIPT_MAX);
	buf_add_text(&script, "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n");
	return restore(KIND_LEGACY, family, &script, err) ||
	       (err->kind == ERROR_UNSUPPORTED && restore(KIND_USUAL, family, &script, err));
}

bool xtables_close_passage(const struct engine *engine, const char *bridge, struct error *err)
{
	autofree char *name = mem_printf("pass-%s", bridge);

	return xtables_remove(engine, name, err);
}
