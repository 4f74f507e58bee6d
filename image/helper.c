/* SPDX-License-Identifier: Apache-2.0 */
#include "image/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/footprint.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/texts.h"
#include "image/limits.h"

#define REPORT_FD 4

struct listener {
	const struct image_watcher *watcher;
	struct digest *id;
	bool has_failed;
	struct error failure;
};

/* -- events -------------------------------------------------------------------------------------
 */

static enum image_layer_state state_of(const char *word)
{
	if (strcmp(word, "downloading") == 0)
		return LAYER_DOWNLOADING;
	if (strcmp(word, "exists") == 0)
		return LAYER_EXISTS;
	if (strcmp(word, "mounted") == 0)
		return LAYER_MOUNTED;
	return strcmp(word, "done") == 0 ? LAYER_DONE : LAYER_WAITING;
}

static bool parse_layer(const struct json *root, struct image_event *event, struct error *err)
{
	const char *state;

	event->kind = IMAGE_LAYER;
	if (!json_text(root, "id", &event->id, err) || !json_text(root, "state", &state, err) ||
	    !json_int_or(root, "bytes", 0, &event->bytes, err) ||
	    !json_int_or(root, "total", 0, &event->total, err) ||
	    !json_text_or(root, "from", "", &event->text, err))
		return false;
	event->state = state_of(state);
	return true;
}

static bool parse_pushed(const struct json *root, struct image_event *event, struct error *err)
{
	event->kind = IMAGE_PUSHED;
	return json_text(root, "digest", &event->digest, err) &&
	       json_int_or(root, "size", 0, &event->total, err);
}

static bool parse_image(struct listener *listener, const struct json *root,
			struct image_event *event, struct error *err)
{
	event->kind = IMAGE_READY;
	return json_text(root, "id", &event->id, err) &&
	       digest_parse(listener->id, event->id, err) &&
	       json_text_or(root, "reference", NULL, &event->reference, err) &&
	       json_text_or(root, "replaced", NULL, &event->replaced, err) &&
	       json_bool_or(root, "new", true, &event->is_new, err);
}

static bool parse_checked(const struct json *root, struct image_event *event, struct error *err)
{
	event->kind = IMAGE_CHECKED;
	return json_text(root, "id", &event->id, err) &&
	       json_text_or(root, "chain", NULL, &event->chain, err) &&
	       json_text_or(root, "damage", NULL, &event->damage, err);
}

static bool parse_notice(const struct json *root, struct image_event *event, struct error *err)
{
	event->kind = IMAGE_NOTICE;
	return json_text(root, "text", &event->text, err);
}

static bool take_failure(struct listener *listener, const struct json *root, struct error *err)
{
	const char *kind, *text;
	bool is_full, is_read_only;

	if (!json_text_or(root, "kind", "system", &kind, err) ||
	    !json_text_or(root, "text", "mooring-unpack gave no reason", &text, err) ||
	    !json_bool_or(root, "full", false, &is_full, err) ||
	    !json_bool_or(root, "read_only", false, &is_read_only, err))
		return false;
	listener->has_failed = true;
	error_set(&listener->failure, error_kind_of_word(kind), "%s", text);
	if (is_full || is_read_only)
		listener->failure.sys = is_full ? ENOSPC : EROFS;
	return true;
}

static bool take_line(struct listener *listener, const char *line, size_t length, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct image_event event = { 0 };
	const struct json *root;
	const char *name;
	bool is_good;

	if (!json_parse(&arena, "mooring-unpack's report", line, length, &root, err) ||
	    !json_text(root, "event", &name, err))
		return false;
	if (strcmp(name, "failed") == 0)
		return take_failure(listener, root, err);
	if (strcmp(name, "resolved") == 0)
		is_good = json_text(root, "digest", &event.digest, err); /* IMAGE_RESOLVED is 0 */
	else if (strcmp(name, "checked") == 0)
		is_good = parse_checked(root, &event, err);
	else if (strcmp(name, "layer") == 0)
		is_good = parse_layer(root, &event, err);
	else if (strcmp(name, "pushed") == 0)
		is_good = parse_pushed(root, &event, err);
	else if (strcmp(name, "notice") == 0)
		is_good = parse_notice(root, &event, err);
	else
		is_good = parse_image(listener, root, &event, err);
	if (is_good && listener->watcher)
		listener->watcher->on_event(listener->watcher->context, &event);
	return is_good;
}

static bool listen(struct listener *listener, int from, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, 2 * LIMIT_EVENT);
	for (;;) {
		char *end = text.length ? memchr(text.data, '\n', text.length) : NULL;

		if (end) {
			size_t length = (size_t)(end - text.data);

			if (!take_line(listener, text.data, length, err))
				return false;
			buf_consume(&text, length + 1);
			continue;
		}

		char *room = buf_reserve(&text, LIMIT_EVENT);

		if (!room)
			return error_set(err, ERROR_INPUT, "mooring-unpack's report is too long");

		ssize_t got = read(from, room, LIMIT_EVENT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(err, "listen to mooring-unpack");
		if (got == 0)
			return true;
		buf_commit(&text, (size_t)got);
	}
}

/* -- running ------------------------------------------------------------------------------------
 */

static bool start(struct helper *helper, int report, struct proc *proc, struct error *err)
{
	autofree char *program = NULL, *limit = NULL, *memory = NULL, *ratio = NULL;
	autotexts struct texts argv = { 0 };
	struct proc_fd fds[6];
	size_t count = 0;

	if (!proc_helper("mooring-unpack", &program, err))
		return false;
	texts_add(&argv, program);
	texts_add(&argv, helper->command);
	texts_add(&argv, "--root");
	texts_add(&argv, helper->store->path);
	if (helper->store->limit > 0) {
		limit = mem_printf("%lld", (long long)helper->store->limit);
		texts_add(&argv, "--limit");
		texts_add(&argv, limit);
	}
	if (helper->store->memory > 0) {
		memory = mem_printf("%lld", (long long)helper->store->memory);
		texts_add(&argv, "--memory");
		texts_add(&argv, memory);
	}
	if (helper->store->ratio > 0) {
		ratio = mem_printf("%lld", (long long)helper->store->ratio);
		texts_add(&argv, "--ratio");
		texts_add(&argv, ratio);
	}
	if (helper->store->is_keeping_blobs)
		texts_add(&argv, "--keep-blobs");
	texts_add_all(&argv, helper->arguments.items, helper->arguments.count);
	memcpy(fds, helper->fds, helper->fd_count * sizeof(*fds));
	count = helper->fd_count;
	fds[count++] = (struct proc_fd){ report, REPORT_FD };
	fds[count++] = (struct proc_fd){ STDERR_FILENO, STDERR_FILENO };

	struct proc_options options = {
		.argv = argv.items, .fds = fds, .fd_count = count, .parent_death_signal = SIGKILL
	};

	return proc_spawn(&options, proc, err);
}

static bool judge(const struct helper *helper, const struct listener *listener, int status,
		  struct error *err)
{
	if (listener->has_failed) {
		*err = listener->failure;
		return !helper->is_reading && file_add_remedy(helper->store->path, err);
	}
	if (status == 0)
		return true;
	return error_set(err, ERROR_SYSTEM, "mooring-unpack ended with status %d",
			 proc_exit_code(status));
}

bool helper_run(struct helper *helper, struct digest *id, struct error *err)
{
	struct listener listener = { .watcher = helper->watcher, .id = id };
	struct proc proc;
	int ends[2], status;

	*id = (struct digest){ 0 };
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");

	autoclose int from = ends[0];
	bool is_started = start(helper, ends[1], &proc, err);

	mem_cleanup_close(&ends[1]);
	if (!is_started)
		return false;

	footprint_shrink(); /* it may take minutes */

	bool is_heard = listen(&listener, from, err);
	struct error ignored;

	mem_cleanup_close(&from);
	from = -1;
	return proc_wait(&proc, &status, is_heard ? err : &ignored) && is_heard &&
	       judge(helper, &listener, status, err);
}
