/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/user.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/path.h"
#include "base/word.h"

#define FILE_MAX   (4 << 20) /* bytes of /etc/passwd and /etc/group */
#define ID_MAX     2147483647LL
#define GROUPS_MAX 1024
#define FIELDS_MAX 7

/* Account files are small tables: name:password:id:… */
struct line {
	char *fields[FIELDS_MAX];
	size_t count;
};

/* One of the two files. A missing one is empty; one that cannot be read (a pipe, larger than we
 * take) is too, and why stands here for whoever is looked for in it by name. */
struct table {
	char *text;
	bool is_unreadable;
	struct error why;
};

static void read_table(int root, struct arena *arena, const char *path, struct table *table)
{
	autoclose int fd = -1;
	autobuf struct buf buf;
	struct stat status;

	buf_init(&buf, FILE_MAX);
	*table = (struct table){ .text = arena_strdup(arena, "") };
	if (!path_open_stored(root, path, PATH_IN_ROOT, &fd, &table->why)) {
		table->is_unreadable = table->why.kind != ERROR_NOT_FOUND;
		return;
	}
	/* What says that it is empty is not tried: a file the kernel makes up says so, on whatever
	 * file system it is. */
	if (fstat(fd, &status) == 0 && status.st_size == 0)
		return;
	if (!file_read_fd(fd, path, &buf, &table->why)) {
		table->is_unreadable = true;
		return;
	}
	table->text = arena_strndup(arena, buf.data, buf.length);
}

static bool no_match(const struct table *table, const char *what, const char *name,
		     const char *file, struct error *err)
{
	if (table->is_unreadable) {
		*err = table->why;
		return error_in(err, "%s %s", what, name);
	}
	return error_set(err, ERROR_INPUT, "%s %s: no matching entries in %s file", what, name,
			 file);
}

/* Takes the next line off the text, cut into its fields; false at the end. A comment has none. */
static bool next_line(char **text, struct line *line)
{
	char *at = strsep(text, "\n");

	line->count = 0;
	if (!at)
		return false;
	if (at[0] == '#')
		return true;
	while (at && line->count < FIELDS_MAX)
		line->fields[line->count++] = strsep(&at, ":");
	return true;
}

static bool parse_id(const char *text, long long *id)
{
	char *end = NULL;

	if (!isdigit((unsigned char)text[0]))
		return false;
	*id = strtoll(text, &end, 10);
	return *end == '\0' && *id >= 0 && *id <= ID_MAX;
}

/* The first line of /etc/passwd for this name, or this number. */
static bool find_passwd(char *passwd, const char *wanted, struct user *user, const char **name)
{
	struct line line;
	bool by_number = word_is_digits(wanted);
	long long wanted_id = by_number ? strtoll(wanted, NULL, 10) : -1;
	long long uid;
	long long gid;

	while (next_line(&passwd, &line)) {
		if (line.count < 6 || !parse_id(line.fields[2], &uid) ||
		    !parse_id(line.fields[3], &gid))
			continue;
		if (by_number ? uid != wanted_id : strcmp(line.fields[0], wanted) != 0)
			continue;
		user->uid = (uid_t)uid;
		user->gid = (gid_t)gid;
		user->home = line.fields[5][0] ? line.fields[5] : "/";
		*name = line.fields[0];
		return true;
	}
	return false;
}

static void add_group(struct user *user, gid_t gid)
{
	for (size_t i = 0; i < user->group_count; i++) {
		if (user->groups[i] == gid)
			return;
	}
	if (user->group_count < GROUPS_MAX)
		user->groups[user->group_count++] = gid;
}

static bool is_member(char *members, const char *name)
{
	for (char *member; (member = strsep(&members, ","));) {
		if (strcmp(member, name) == 0)
			return true;
	}
	return false;
}

static void add_memberships(char *group, const char *name, struct user *user)
{
	struct line line;
	long long gid;

	while (next_line(&group, &line)) {
		if (line.count >= 4 && parse_id(line.fields[2], &gid) &&
		    is_member(line.fields[3], name))
			add_group(user, (gid_t)gid);
	}
}

static bool find_group(const struct table *table, struct arena *arena, const char *wanted,
		       gid_t *gid)
{
	char *group = arena_strdup(arena, table->text);
	struct line line;
	long long id;

	while (next_line(&group, &line)) {
		if (line.count >= 3 && strcmp(line.fields[0], wanted) == 0 &&
		    parse_id(line.fields[2], &id)) {
			*gid = (gid_t)id;
			return true;
		}
	}
	if (word_is_digits(wanted) && parse_id(wanted, &id)) {
		*gid = (gid_t)id;
		return true;
	}
	return false;
}

static bool find_account(const struct table *passwd, const char *wanted, struct user *user,
			 const char **name, struct error *err)
{
	bool is_number = word_is_digits(wanted + (*wanted == '-'));
	long long uid = 0;

	if (find_passwd(passwd->text, wanted, user, name))
		return true;
	if (is_number && !parse_id(wanted, &uid))
		return error_set(err, ERROR_INPUT, "uids and gids must be in range 0-%lld", ID_MAX);
	if (!is_number && strcmp(wanted, "root") != 0)
		return no_match(passwd, "unable to find user", wanted, "passwd", err);
	user->uid = (uid_t)uid;
	return true;
}

bool user_find(int root, struct arena *arena, const char *text, const struct texts *more,
	       struct user *user, struct error *err)
{
	char *account = arena_strdup(arena, *text ? text : "0");
	char *group = strchr(account, ':');
	const char *name = NULL;
	struct table passwd, groups;

	*user = (struct user){ .home = "/" };
	user->groups = arena_array(arena, GROUPS_MAX, sizeof(*user->groups));
	if (group)
		*group++ = '\0';
	read_table(root, arena, "/etc/passwd", &passwd);
	read_table(root, arena, "/etc/group", &groups);
	if (!find_account(&passwd, *account ? account : "0", user, &name, err))
		return false;
	if (group && *group && !find_group(&groups, arena, group, &user->gid))
		return no_match(&groups, "unable to find group", group, "group", err);
	add_group(user, user->gid);
	if (!(group && *group) && name)
		add_memberships(arena_strdup(arena, groups.text), name, user);
	for (size_t i = 0; i < more->count; i++) {
		gid_t gid;

		if (!find_group(&groups, arena, more->items[i], &gid))
			return no_match(&groups, "Unable to find group", more->items[i], "group",
					err);
		add_group(user, gid);
	}
	return true;
}
