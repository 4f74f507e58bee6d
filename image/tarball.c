/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tarball.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/limits.h"
#include "image/place.h"
#include "image/unpack_confine.h"
#include "image/untar.h"

/* -- members ------------------------------------------------------------------------------------
 */

bool tarball_add(struct tarball *tarball, const char *name, int64_t size,
		 struct tarball_member **member, struct error *err)
{
	struct place_name clean;

	if (tarball->count >= LIMIT_ARCHIVE_MEMBERS)
		return error_set(err, ERROR_INPUT, "more than %d files", LIMIT_ARCHIVE_MEMBERS);
	if (!place_name_parse(&clean, name, err))
		return false;
	if (tarball->count == tarball->room) {
		tarball->room = tarball->room ? 2 * tarball->room : 64;
		tarball->members =
			mem_resize(tarball->members, tarball->room, sizeof(*tarball->members));
	}
	*member = &tarball->members[tarball->count++];
	**member = (struct tarball_member){ .name = arena_strdup(&tarball->arena, clean.text),
					    .size = size };
	return true;
}

static struct tarball_member *find_exactly(struct tarball *tarball, const char *name)
{
	for (size_t i = tarball->count; i-- > 0;)
		if (strcmp(tarball->members[i].name, name) == 0)
			return &tarball->members[i];
	return NULL;
}

struct tarball_member *tarball_find(struct tarball *tarball, const char *name)
{
	struct place_name clean;
	struct error ignored;

	if (!place_name_parse(&clean, name, &ignored))
		return NULL;

	struct tarball_member *member = find_exactly(tarball, clean.text);

	return member && member->link ? find_exactly(tarball, member->link) : member;
}

/* "a/b/layer.tar" with the link "../c/layer.tar" → "a/c/layer.tar". It names another member, never
 * a file of this machine. */
static bool resolve_link(struct tarball *tarball, const struct place_name *from,
			 const struct entry *entry, const char **link, struct error *err)
{
	autofree char *base = mem_strdup(entry->type == ENTRY_HARDLINK ? "" : from->parent);
	const char *rest = entry->link;
	struct place_name clean;

	while (strncmp(rest, "../", 3) == 0) {
		char *slash = strrchr(base, '/');

		*(slash ? slash : base) = '\0';
		rest += 3;
	}

	autofree char *path = mem_printf("%s/%s", base, rest);

	if (!place_name_parse(&clean, path, err))
		return error_in(err, "link in the archive");
	*link = arena_strdup(&tarball->arena, clean.text);
	return true;
}

/* -- documents ----------------------------------------------------------------------------------
 */

bool tarball_is_document(const char *bytes, size_t count)
{
	size_t blank = 0;

	while (blank < count && strchr(" \t\r\n", bytes[blank]) && bytes[blank])
		blank++;
	return blank < count && (bytes[blank] == '{' || bytes[blank] == '[');
}

static bool looks_like_layer(const char *bytes, size_t count)
{
	static const char nothing[TARBALL_HEAD];

	if (compression_sniff(bytes, count) != COMPRESSION_NONE)
		return true;
	return count == TARBALL_HEAD &&
	       (memcmp(bytes + 257, "ustar", 5) == 0 || memcmp(bytes, nothing, TARBALL_HEAD) == 0 ||
		bytes[100] == '0');
}

/* Takes up to `want` bytes of the current member; data comes in pieces of any size. */
struct reading {
	struct untar *tar;
	const char *piece; /* what is left of the current piece */
	size_t left;
};

static bool next_piece(struct reading *reading, struct error *err)
{
	const void *bytes;
	int64_t offset;

	if (reading->left > 0)
		return true;
	if (!untar_data(reading->tar, &bytes, &reading->left, &offset, err))
		return false;
	reading->piece = bytes;
	return true;
}

static bool take(struct reading *reading, char *to, size_t want, size_t *count, struct error *err)
{
	for (*count = 0; *count < want;) {
		if (!next_piece(reading, err))
			return false;
		if (reading->left == 0)
			return true;

		size_t step = reading->left < want - *count ? reading->left : want - *count;

		memcpy(to + *count, reading->piece, step);
		reading->piece += step;
		reading->left -= step;
		*count += step;
	}
	return true;
}

bool tarball_keep(struct tarball *tarball, struct tarball_member *member, char **document,
		  struct error *err)
{
	tarball->document_bytes += member->size;
	if (tarball->document_bytes > LIMIT_ARCHIVE_JSON ||
	    ++tarball->document_count > LIMIT_ARCHIVE_JSONS)
		return error_set(err, ERROR_INPUT,
				 "the archive's JSON files are larger than %d bytes together",
				 LIMIT_ARCHIVE_JSON);
	*document = arena_alloc(&tarball->arena, (size_t)member->size + 1);
	member->document = *document;
	return true;
}

static bool keep_document(struct tarball *tarball, struct tarball_member *member,
			  struct reading *reading, const char *head, size_t head_length,
			  struct error *err)
{
	size_t size = (size_t)member->size, got;
	char *document;

	if (!tarball_keep(tarball, member, &document, err))
		return false;
	memcpy(document, head, head_length);
	if (!take(reading, document + head_length, size - head_length, &got, err))
		return false;
	return head_length + got == size || error_set(err, ERROR_CORRUPT, "unexpected EOF");
}

/* -- layers in passing --------------------------------------------------------------------------
 */

/* All in one directory, whose lock is enough for thousands that nobody has open. Patiently: who
 * looks for rubbish may have the lock of what was made just now for a moment. */
static bool new_stage(struct tarball *tarball, struct stage **stage, struct error *err)
{
	struct layout_path name;

	snprintf(name.text, sizeof(name.text), LAYOUT_STAGING "/load-%d", (int)getpid());
	if (!tarball->place && !stage_new(tarball->store, &name, true, &tarball->place, err))
		return false;
	snprintf(name.text, sizeof(name.text), LAYOUT_STAGING "/load-%d/%u", (int)getpid(),
		 tarball->stages++);
	return stage_new(tarball->store, &name, true, stage, err);
}

/* If the other side gives up, that is not our error: its own is asked for later. */
static bool pass_on(struct reading *reading, int to, struct error *err)
{
	while (next_piece(reading, err)) {
		if (reading->left == 0)
			return true;

		ssize_t written = write(to, reading->piece, reading->left);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno == EPIPE ? true : error_sys(err, "pass on a layer");
		reading->piece += written;
		reading->left -= (size_t)written;
	}
	return false;
}

static bool feed_stage(struct stage *stage, int64_t size, struct reading *reading, const char *head,
		       size_t head_length, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	struct pump_source source = { .fd = ends[0],
				      .offset = -1,
				      .size = size,
				      .prefix = head,
				      .prefix_length = head_length };
	autoclose int from = ends[0], to = ends[1];
	bool is_started = stage_start(stage, &source, err);

	mem_cleanup_close(&from);
	from = -1;
	return is_started && pass_on(reading, to, err);
}

static bool unpack_in_passing(struct tarball *tarball, struct tarball_member *member,
			      struct reading *reading, const char *head, size_t head_length,
			      struct error *err)
{
	struct error failure;

	if (++tarball->layers > LIMIT_ARCHIVE_LAYERS)
		return error_set(err, ERROR_INPUT, "more than %d layers", LIMIT_ARCHIVE_LAYERS);
	if (!new_stage(tarball, &member->stage, err) ||
	    !feed_stage(member->stage, member->size, reading, head, head_length, err))
		return false;
	if (stage_finish(member->stage, NULL, &failure))
		return stage_park(member->stage, err);
	if (failure.kind == ERROR_NO_SPACE)
		return *err = failure, false;
	/* Perhaps it was no layer at all. */
	member->failure = arena_alloc(&tarball->arena, sizeof(failure));
	*member->failure = failure;
	stage_free(take_pointer(&member->stage));
	return true;
}

/* -- reading ------------------------------------------------------------------------------------
 */

static bool read_file(struct tarball *tarball, struct untar *tar, struct tarball_member *member,
		      struct error *err)
{
	struct reading reading = { .tar = tar };
	char head[TARBALL_HEAD];
	size_t length;

	if (!take(&reading, head, sizeof(head), &length, err))
		return false;
	if (tarball_is_document(head, length) && member->size <= LIMIT_IMAGE_JSON)
		return keep_document(tarball, member, &reading, head, length, err);
	if (!tarball->is_seekable && member->size > 0 && looks_like_layer(head, length))
		return unpack_in_passing(tarball, member, &reading, head, length, err);
	return true; /* untar skips what is left */
}

static bool read_member(struct tarball *tarball, struct untar *tar, const struct entry *entry,
			struct error *err)
{
	struct tarball_member *member;
	struct place_name name;

	if (entry->type == ENTRY_DIRECTORY)
		return true;
	if (!tarball_add(tarball, entry->path, entry->size, &member, err) ||
	    !place_name_parse(&name, entry->path, err))
		return false;
	member->start = entry->start;
	if (entry->link)
		return resolve_link(tarball, &name, entry, &member->link, err);
	return entry->type != ENTRY_FILE || entry->is_sparse ||
	       read_file(tarball, tar, member, err);
}

static bool read_all(struct tarball *tarball, struct untar *tar, struct error *err)
{
	struct entry entry;
	bool is_end;

	for (;;) {
		if (!untar_next(tar, &entry, &is_end, err))
			return false;
		if (is_end)
			return tarball->is_seekable || untar_drain(tar, err);
		if (!read_member(tarball, tar, &entry, err))
			return error_in(err, "%.200s", entry.path);
	}
}

/* -- opening ------------------------------------------------------------------------------------
 */

static bool run_inflater(void *context, struct worker_result *result, struct error *err)
{
	struct pump *pump = context;

	result->is_good = confine_to_pipes(err) && pump_run(pump, err);
	result->is_cut_off = pump->is_cut_off;
	return result->is_good;
}

/* Puts a decompressing process in front of the archive. */
static bool start_inflater(struct tarball *tarball, const char *head, size_t length,
			   struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	struct pump pump = { .source = { .fd = tarball->fd,
					 .offset = -1,
					 .size = -1,
					 .prefix = head,
					 .prefix_length = length },
			     .to = ends[1] };
	/* It lasts until the last layer is there: it cannot share with their decompressors. */
	struct allowance ceiling = { .turn = -1 };
	const int fds[] = { tarball->fd, ends[1] };
	struct worker_task task = { run_inflater, &pump, fds, COUNT_OF(fds) };

	if (tarball->store && tarball->store->allowance) {
		ceiling.kib = tarball->store->allowance->kib;
		ceiling.is_ceiling = tarball->store->allowance->is_ceiling;
		pump.allowance = &ceiling;
		pump.ratio = tarball->store->ratio;
	}

	bool is_started = worker_start(&task, &tarball->inflater, err);

	mem_cleanup_close(&ends[1]);
	tarball->fd = ends[0];
	return is_started;
}

/* Reads the archive's first bytes; *length is 0 if they can be read again. */
static bool begin(struct tarball *tarball, char head[COMPRESSION_SNIFF], size_t *length,
		  struct error *err)
{
	struct stat info;

	*length = 0;
	while (*length < COMPRESSION_SNIFF) {
		ssize_t got = read(tarball->fd, head + *length, COMPRESSION_SNIFF - *length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "read the archive");
		if (got == 0)
			break;
		*length += (size_t)got;
	}
	if (*length == 0)
		return error_set(err, ERROR_CORRUPT, "unexpected EOF: the archive is empty");
	if (compression_sniff(head, *length) != COMPRESSION_NONE) {
		if (!start_inflater(tarball, head, *length, err))
			return false;
		*length = 0;
		return true;
	}
	tarball->is_seekable = fstat(tarball->fd, &info) == 0 && S_ISREG(info.st_mode);
	if (tarball->is_seekable)
		*length = 0;
	return true;
}

/* A broken compression shows as a broken tar: the first failure is the one to tell. */
static bool check_inflater(struct tarball *tarball, bool is_good, struct error *err)
{
	struct worker_result result;
	struct error own;

	if (tarball->inflater.result < 0)
		return is_good;
	if (!is_good)
		mem_cleanup_close(&tarball->fd);
	if (!worker_finish(&tarball->inflater, &result, &own))
		return *err = own, false;
	if (!result.is_good && !result.is_cut_off)
		return *err = result.err, false;
	return is_good;
}

static bool read_archive(struct tarball *tarball, struct error *err)
{
	char head[COMPRESSION_SNIFF];
	struct untar_input input = { .prefix = head };
	struct untar tar;

	if (!begin(tarball, head, &input.prefix_length, err))
		return false;
	input.fd = tarball->fd;

	bool is_good = untar_open(&tar, &input, err) && read_all(tarball, &tar, err);

	untar_close(&tar);
	return check_inflater(tarball, is_good, err);
}

bool tarball_open(const struct store *store, int fd, struct tarball *tarball, struct error *err)
{
	struct stat info;

	*tarball = (struct tarball){ .store = store, .fd = fd, .inflater = { .result = -1 } };
	if (fstat(fd, &info) < 0)
		return error_sys(err, "read the archive");
	if (S_ISDIR(info.st_mode) ? loosefiles_open(tarball, err) : read_archive(tarball, err))
		return true;
	tarball_close(tarball);
	return false;
}

static bool read_remote(struct tarball *tarball, struct error *err)
{
	struct untar_input input = { .fd = -1,
				     .remote = tarball->remote,
				     .prefix = tarball->remote->head,
				     .prefix_length = REMOTE_HEAD };
	struct untar tar;
	bool is_good = untar_open(&tar, &input, err) && read_all(tarball, &tar, err);

	untar_close(&tar);
	return is_good;
}

/* A compressed one has no places to go to: it is read from front to back, once. */
static bool read_stream(struct tarball *tarball, struct error *err)
{
	static const struct stage all; /* only its address counts */
	struct remote *remote = tarball->remote;
	autoclose int from = -1;

	tarball->remote = NULL;
	if (!remote_stream(remote, &all, &from, err))
		return false;
	tarball->fd = from;

	bool is_good = read_archive(tarball, err);

	mem_cleanup_close(&from); /* or mooring-fetch would go on writing */
	from = -1;
	return remote_finish(remote, &all, is_good, err);
}

bool tarball_open_remote(const struct store *store, struct remote *remote, struct tarball *tarball,
			 struct error *err)
{
	bool is_plain = compression_sniff(remote->head, REMOTE_HEAD) == COMPRESSION_NONE;

	*tarball = (struct tarball){ .store = store,
				     .fd = -1,
				     .is_seekable = is_plain,
				     .remote = remote,
				     .inflater = { .result = -1 } };
	if (is_plain ? read_remote(tarball, err) : read_stream(tarball, err))
		return true;
	tarball_close(tarball);
	return false;
}

void tarball_close(struct tarball *tarball)
{
	worker_kill(&tarball->inflater);
	for (size_t i = 0; i < tarball->count; i++) {
		stage_free(tarball->members[i].stage);
		stage_free(tarball->members[i].model);
	}
	stage_free(tarball->place);
	free(tarball->members);
	arena_done(&tarball->arena);
	*tarball = (struct tarball){ .fd = -1, .inflater = { .result = -1 } };
}

/* -- layers when they are wanted ----------------------------------------------------------------
 */

static bool start_empty(struct stage *stage, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	autoclose int from = ends[0], to = ends[1];
	const struct pump_source source = { .fd = from, .offset = -1, .size = -1 };

	mem_cleanup_close(&to);
	to = -1;
	return stage_start(stage, &source, err);
}

static bool read_in_place(struct tarball *tarball, const struct tarball_member *member,
			  struct stage *stage, struct error *err)
{
	struct pump_source source = { .fd = tarball->fd,
				      .offset = member->start,
				      .size = member->size };

	if (tarball->remote)
		return remote_start(tarball->remote, member->start, member->size, stage, err);
	if (member->size == 0) /* where the archive is a pipe, too */
		return start_empty(stage, err);
	if (tarball->is_directory)
		return loosefiles_start(tarball, member, stage, err);
	return stage_start(stage, &source, err);
}

bool tarball_unpack(struct tarball *tarball, struct tarball_member *member,
		    const struct digest *chain, struct stage **stage, struct error *err)
{
	if (member->failure)
		return *err = *member->failure, false;
	if (member->stage) { /* unpacked in passing */
		member->model = stage_model(member->stage, chain);
		*stage = take_pointer(&member->stage);
		return stage_take_up(*stage, err);
	}
	if (!member->model && !tarball->is_seekable && member->size > 0)
		return error_set(err, ERROR_CORRUPT, "%.200s: archive/tar: invalid tar header",
				 member->name);

	struct stage *made;

	if (!new_stage(tarball, &made, err))
		return false;
	*stage = made;
	return member->model ? stage_clone(made, member->model, err)
			     : read_in_place(tarball, member, made, err);
}

/* Whoever reads from mooring-fetch must be gone before its answer is waited for. */
bool tarball_finish(struct tarball *tarball, struct stage *stage, struct error *err)
{
	bool is_good = stage_finish(stage, NULL, err);

	if (!tarball->remote)
		return is_good;
	if (!is_good)
		worker_kill(&stage->pump);
	return remote_finish(tarball->remote, stage, is_good, err);
}
