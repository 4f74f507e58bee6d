/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "engine/container.h"
#include "engine/findinit.h"

#define RECORD_MAX 65536     /* bytes of exit.json and failure.json */
#define STATE_MAX  (1 << 20) /* bytes of the runtime's state.json */

const char *status_name(enum status_state state)
{
	static const char *const names[] = {
		[STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
		[STATUS_PAUSED] = "paused",   [STATUS_RESTARTING] = "restarting",
		[STATUS_EXITED] = "exited",
	};

	return names[state];
}

/* The document, or NULL: a file that is not there and one that is damaged mean the same. */
static const struct json *read_json(struct arena *arena, int dir, const char *path, size_t limit)
{
	autobuf struct buf text;
	const struct json *root;
	struct error ignored;

	buf_init(&text, limit);
	if (!file_read(dir, path, &text, &ignored) ||
	    !json_parse(arena, path, text.data, text.length, &root, &ignored))
		return NULL;
	return root;
}

static const struct json *read_record(const struct engine *engine, struct arena *arena,
				      const char *id, const char *name)
{
	char path[CONTAINER_ID_LENGTH + 32];

	snprintf(path, sizeof(path), "%.64s/%s", id, name);
	return read_json(arena, engine->containers, path, RECORD_MAX);
}

static bool read_exit(const struct engine *engine, struct arena *arena, const char *id,
		      struct status *status)
{
	const struct json *root = read_record(engine, arena, id, CONTAINER_EXIT);
	struct error ignored;
	bool is_restarting = false;
	int64_t code = 0;

	if (!root)
		return false;
	if (!json_int_or(root, "code", 0, &code, &ignored) ||
	    !json_bool_or(root, "oom_killed", false, &status->is_oom_killed, &ignored) ||
	    !json_text_or(root, "started_at", STATUS_NEVER, &status->started_at, &ignored) ||
	    !json_text_or(root, "finished_at", STATUS_NEVER, &status->finished_at, &ignored) ||
	    !json_int_or(root, "restart_count", 0, &status->restart_count, &ignored) ||
	    !json_bool_or(root, "restarting", false, &is_restarting, &ignored) ||
	    !json_text_or(root, "trouble", "", &status->error, &ignored))
		return false;
	status->exit_code = (int)code;
	status->state = is_restarting ? STATUS_RESTARTING : STATUS_EXITED;
	status->restart_count += is_restarting;
	return true;
}

/* Of a group's file: its first bytes. */
static bool file_begins(const char *directory, const char *name, const char *wanted)
{
	char path[PATH_MAX];
	char text[16] = "";

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return false;
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
	       strncmp(text, wanted, strlen(wanted)) == 0;
}

/* By the runtime's state: the freezer of v1, or the one group of v2. */
static bool is_frozen(const struct json *root)
{
	const struct json *paths = json_get(root, "cgroup_paths");
	bool is_unified = false;
	struct error ignored;

	if (!paths || !json_bool_or(root, "cgroup_unified", false, &is_unified, &ignored))
		return false;
	for (const struct json *path = paths->child; path; path = path->next) {
		if (path->type != JSON_TEXT)
			continue;
		if (is_unified)
			return file_begins(path->text, "cgroup.freeze", "1");
		if (strcmp(path->key, "freezer") == 0)
			return file_begins(path->text, "freezer.state", "FR");
	}
	return false;
}

static const char *state_path(const struct engine *engine, struct arena *arena, const char *id)
{
	return arena_printf(arena, "%s/runc/%.64s/state.json", engine->run, id);
}

static const struct json *read_state(const struct engine *engine, struct arena *arena,
				     const char *id)
{
	return read_json(arena, AT_FDCWD, state_path(engine, arena, id), STATE_MAX);
}

bool status_had_process(const struct engine *engine, const char *id)
{
	autoarena struct arena arena = { 0 };
	const struct json *root = read_state(engine, &arena, id);
	struct error ignored;
	int64_t pid = 0;

	return root && json_int_or(root, "init_process_pid", 0, &pid, &ignored) && pid > 0;
}

/* Times of a run whose monitor left no record. It began when it was marked as started. Its end
 * nobody saw: at the earliest when it wrote its log last, and if the machine was started since,
 * docker would have found it then. */
static void find_lost_times(const struct engine *engine, struct arena *arena, const char *id,
			    struct status *status)
{
	struct timespec now, up;
	struct stat begun, log;
	char path[CONTAINER_ID_LENGTH + 32];

	snprintf(path, sizeof(path), "%.64s/" CONTAINER_STARTED, id);
	if (fstatat(engine->containers, path, &begun, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	status->started_at = clock_text(arena, &begun.st_mtim);
	struct timespec end = begun.st_mtim;
	snprintf(path, sizeof(path), "%.64s/" CONTAINER_LOG, id);
	if (fstatat(engine->containers, path, &log, AT_SYMLINK_NOFOLLOW) == 0 &&
	    log.st_mtim.tv_sec > end.tv_sec)
		end = log.st_mtim;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	if (end.tv_sec < now.tv_sec - up.tv_sec)
		end = (struct timespec){ .tv_sec = now.tv_sec - up.tv_sec };
	status->finished_at = clock_text(arena, &end);
}

static void set_process(struct status *status, pid_t pid, unsigned long long start_time)
{
	status->exit_code = 0;
	status->is_oom_killed = false;
	status->pid = pid;
	status->start_time = start_time;
	status->state = STATUS_RUNNING;
}

/* The runtime's state is there, and is damaged: it appears under its name as a whole. */
static bool find_process(const struct engine *engine, struct arena *arena, const char *id,
			 struct status *status)
{
	pid_t pid;
	unsigned long long start;

	if (access(state_path(engine, arena, id), F_OK) != 0 || !findinit(id, &pid, &start))
		return false;
	find_lost_times(engine, arena, id, status);
	status->finished_at = STATUS_NEVER;
	set_process(status, pid, start);
	return true;
}

static bool read_process(const struct engine *engine, struct arena *arena, const char *id,
			 struct status *status)
{
	const struct json *root = read_state(engine, arena, id);
	struct error ignored;
	int64_t pid = 0;
	int64_t ticks = 0;

	if (!root)
		return find_process(engine, arena, id, status);
	if (!json_int_or(root, "init_process_pid", 0, &pid, &ignored) ||
	    !json_int_or(root, "init_process_start", 0, &ticks, &ignored) ||
	    !json_text_or(root, "created", STATUS_NEVER, &status->started_at, &ignored))
		return false;
	if (pid < 1 || pid > INT_MAX || ticks < 0 ||
	    !proc_is_alive((pid_t)pid, (unsigned long long)ticks))
		return false;
	set_process(status, (pid_t)pid, (unsigned long long)ticks);
	if (is_frozen(root))
		status->state = STATUS_PAUSED;
	return true;
}

bool status_has_process(const struct status *status)
{
	return status->state == STATUS_RUNNING || status->state == STATUS_PAUSED;
}

bool status_is_locked(const struct engine *engine, const char *id)
{
	autoclose int dir = openat(engine->containers, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir >= 0 && flock(dir, LOCK_SH | LOCK_NB) != 0;
}

static bool has_file(const struct engine *engine, const char *id, const char *name)
{
	char path[CONTAINER_ID_LENGTH + 32];

	snprintf(path, sizeof(path), "%.64s/%s", id, name);
	return faccessat(engine->containers, path, F_OK, 0) == 0;
}

static void read_failure(const struct engine *engine, struct arena *arena, const char *id,
			 struct status *status)
{
	const struct json *root = read_record(engine, arena, id, CONTAINER_FAILURE);
	struct error ignored;
	int64_t code = 0;

	if (root && json_int_or(root, "code", 0, &code, &ignored) &&
	    json_text_or(root, "text", "", &status->error, &ignored))
		status->exit_code = (int)code;
}

/* Who promised another start is gone, or has thought better of it, if nobody holds the lock. */
static void settle_restart(const struct engine *engine, struct arena *arena, const char *id,
			   struct status *status)
{
	if (status_is_locked(engine, id))
		return;
	if (read_exit(engine, arena, id, status))
		status->state = STATUS_EXITED;
}

static void status_init(struct status *status)
{
	*status = (struct status){ .state = STATUS_CREATED,
				   .started_at = STATUS_NEVER,
				   .finished_at = STATUS_NEVER,
				   .error = "" };
}

void status_read_record(const struct engine *engine, struct arena *arena, const char *id,
			struct status *status)
{
	status_init(status);
	if (!read_exit(engine, arena, id, status))
		status->state = STATUS_CREATED;
}

void status_read(const struct engine *engine, struct arena *arena, const char *id,
		 struct status *status)
{
	status_init(status);
	/* A record that promises another start is of the run before the one that may go on now. */
	bool has_record = read_exit(engine, arena, id, status);
	if ((has_record && status->state == STATUS_EXITED) ||
	    read_process(engine, arena, id, status))
		return;
	if (has_record) {
		settle_restart(engine, arena, id, status);
		return;
	}
	if (!has_file(engine, id, CONTAINER_STARTED)) {
		read_failure(engine, arena, id, status);
		return;
	}
	/* Started, not running, no exit record. Either its monitor is between two steps (it holds
	 * the lock), or it wrote the record just now, or it was killed. */
	if (status_is_locked(engine, id)) {
		if (has_file(engine, id, CONTAINER_CONFIG)) /* else it is not even prepared */
			status->state = STATUS_RUNNING;
		return;
	}
	if (read_exit(engine, arena, id, status))
		return;
	status->state = STATUS_EXITED;
	status->exit_code = STATUS_LOST_CODE;
	find_lost_times(engine, arena, id, status);
	read_failure(engine, arena, id, status); /* it was not lost: another start has failed */
}

bool status_is_running(const struct engine *engine, const char *id)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	status_read(engine, &arena, id, &status);
	return status_has_process(&status) || status.state == STATUS_RESTARTING;
}

int status_open_process(const struct engine *engine, const char *id)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	status_read(engine, &arena, id, &status);
	if (!status.pid)
		return -1;
	autoclose int process = (int)syscall(SYS_pidfd_open, status.pid, 0);
	/* The number may have been given to somebody else before it was opened. */
	if (process < 0 || !proc_is_alive(status.pid, status.start_time))
		return -1;
	return take_fd(&process);
}
