/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define STAT_MAX        4096
#define ENVIRONMENT_MAX (1024 * 1024)

struct process {
	pid_t pid;
	pid_t parent;
	pid_t session;
	unsigned long long start;
	bool is_dead; /* a zombie */
	bool is_member;
};

struct table {
	struct process *items;
	size_t count;
};

/* -- /proc --------------------------------------------------------------------------------------
 */

static bool read_process(pid_t pid, struct process *process)
{
	autobuf struct buf text;
	struct error ignored;
	char name[32], state;

	buf_init(&text, STAT_MAX);
	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	if (!file_read(AT_FDCWD, name, &text, &ignored))
		return false;

	const char *fields = strrchr(text.data, ')'); /* the name before it may hold anything */

	*process = (struct process){ .pid = pid };
	if (!fields || sscanf(fields,
			      ") %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
			      "%*d %*d %*d %*d %llu",
			      &state, &process->parent, &process->session, &process->start) != 4)
		return false;
	process->is_dead = state == 'Z' || state == 'X';
	return true;
}

static int compare_pids(const void *a, const void *b)
{
	const struct process *left = a, *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

/* Sorted by pid, as /proc nearly is. */
static struct table read_table(void)
{
	autodir DIR *dir = opendir("/proc");
	struct table table = { 0 };
	size_t capacity = 0;

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (table.count == capacity) {
			capacity = capacity ? capacity * 2 : 256;
			table.items = mem_resize(table.items, capacity, sizeof(*table.items));
		}
		if (read_process((pid_t)atoi(entry->d_name), &table.items[table.count]))
			table.count++;
	}
	if (table.count > 0)
		qsort(table.items, table.count, sizeof(*table.items), compare_pids);
	return table;
}

/* -- members ------------------------------------------------------------------------------------
 */

static const struct process *find_process(const struct table *table, pid_t pid)
{
	const struct process key = { .pid = pid };

	return bsearch(&key, table->items, table->count, sizeof(key), compare_pids);
}

static bool is_member_pid(const struct table *table, pid_t pid)
{
	const struct process *found = find_process(table, pid);

	return found && found->is_member;
}

/* A child may have a smaller number than its parent, so this goes on until nothing is new. */
static void mark_descendants(struct table *table)
{
	for (bool is_changed = true; is_changed;) {
		is_changed = false;
		for (size_t i = 0; i < table->count; i++) {
			struct process *process = &table->items[i];

			if (process->is_member || !is_member_pid(table, process->parent))
				continue;
			process->is_member = true;
			is_changed = true;
		}
	}
}

/* By pidfd, after a second look: between the reading of the table and now the number may have
 * passed to somebody else. */
static void send_to(const struct process *process, int signal)
{
	autoclose int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	struct process again;

	if (!read_process(process->pid, &again) || again.start != process->start)
		return;
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
	else
		kill(process->pid, signal);
}

static size_t signal_members(const struct table *table, int signal)
{
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++) {
		if (!table->items[i].is_member || table->items[i].is_dead)
			continue;
		count++;
		if (signal != 0)
			send_to(&table->items[i], signal);
	}
	return count;
}

static struct table read_members(pid_t leader)
{
	struct table table = read_table();

	for (size_t i = 0; i < table.count; i++)
		table.items[i].is_member =
			table.items[i].pid == leader || table.items[i].session == leader;
	mark_descendants(&table);
	return table;
}

/* One that is born while we move its parent is in the parent's groups, old or new; so twice. */
bool processes_move(pid_t leader, const struct slice *slice, struct error *err)
{
	for (int round = 0; round < 2; round++) {
		struct table table = read_members(leader);
		bool is_good = true;

		for (size_t i = 0; i < table.count && is_good; i++)
			if (table.items[i].is_member && !table.items[i].is_dead)
				is_good = slice_join(slice, table.items[i].pid, err);
		free(table.items);
		if (!is_good)
			return false;
	}
	return true;
}

size_t processes_signal(pid_t leader, int signal)
{
	struct table table = read_members(leader);

	size_t count = signal_members(&table, signal);

	free(table.items);
	return count;
}

static bool has_mark(pid_t pid, const char *mark)
{
	autobuf struct buf text;
	struct error ignored;
	char name[32];

	buf_init(&text, ENVIRONMENT_MAX);
	snprintf(name, sizeof(name), "/proc/%d/environ", pid);
	if (!file_read(AT_FDCWD, name, &text, &ignored))
		return false;
	return text.length > 0 && memmem(text.data, text.length, mark, strlen(mark) + 1);
}

static bool is_ours(const struct table *table, pid_t session, const pid_t *sessions, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (sessions[i] == session)
			return true;

	const struct process *leader = find_process(table, session);

	return session > 0 && (!leader || leader->is_dead);
}

size_t processes_signal_orphans(const pid_t *sessions, size_t count, const char *mark, int signal)
{
	struct table table = read_table();

	for (size_t i = 0; i < table.count; i++) {
		struct process *process = &table.items[i];

		process->is_member = is_ours(&table, process->session, sessions, count) &&
				     has_mark(process->pid, mark);
	}

	size_t found = signal_members(&table, signal);

	free(table.items);
	return found;
}
