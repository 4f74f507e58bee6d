/* SPDX-License-Identifier: Apache-2.0 */
#include "base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsonout.h"
#include "base/mem.h"
#include "base/path.h"

#define JOURNAL_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW)

static void write_attributes(struct jsonout *out, const struct journal_entry *entry)
{
	jsonout_object(out, "attributes");
	for (size_t i = 0; i < entry->count; i++) {
		const char *pair = entry->attributes[i];
		size_t length = strcspn(pair, "=");
		autofree char *key = mem_printf("%.*s", (int)length, pair);

		jsonout_text(out, key, pair[length] ? pair + length + 1 : "");
	}
	jsonout_object_end(out);
}

static void write_line(const struct journal_entry *entry, bool is_whole, struct buf *line)
{
	struct timespec now;
	struct jsonout out;

	clock_gettime(CLOCK_REALTIME, &now);
	jsonout_init(&out, line, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "time", (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
	jsonout_text(&out, "type", entry->type);
	jsonout_text(&out, "action", entry->action);
	jsonout_text(&out, "id", entry->id);
	if (is_whole && entry->count)
		write_attributes(&out, entry);
	jsonout_object_end(&out);
	jsonout_done(&out);
	buf_add_char(line, '\n');
}

/* Of many who find the file full, one moves it away: who has the lock looks again. */
static int open_file(const char *path)
{
	struct stat here;
	struct stat there;
	autoclose int file = open(path, JOURNAL_FLAGS, 0600);

	if (file < 0 || fstat(file, &here) < 0 || here.st_size < JOURNAL_SIZE_MAX)
		return take_fd(&file);
	if (flock(file, LOCK_EX) == 0 && stat(path, &there) == 0 && there.st_ino == here.st_ino &&
	    there.st_dev == here.st_dev) {
		autofree char *old = mem_printf("%s.1", path);

		if (rename(path, old) < 0)
			return -1;
	}
	return open(path, JOURNAL_FLAGS, 0600);
}

void journal_add(const char *directory, const struct journal_entry *entry)
{
	autofree char *path = mem_printf("%s/" JOURNAL_NAME, directory);
	autobuf struct buf line;
	struct error ignored;
	autoclose int file = open_file(path);

	if (file < 0 && errno == ENOENT && path_make_own_dirs(directory, 0711, &ignored))
		file = open_file(path);
	buf_init(&line, JOURNAL_LINE_MAX);
	write_line(entry, true, &line);
	if (line.is_cut) {
		buf_clear(&line);
		write_line(entry, false, &line);
	}
	if (file >= 0 && write(file, line.data, line.length) < 0)
		return;
}
