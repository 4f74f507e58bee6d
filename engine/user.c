/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/user.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/path.h"

#define FILE_MAX   (4 << 20) /* bytes of /etc/passwd and /etc/group */
#define ID_MAX     2147483647L
#define GROUPS_MAX 1024
#define FIELDS_MAX 7

/* Account files are small tables: name:password:id:… */
struct line {
	char *fields[FIELDS_MAX];
	size_t count;
};

/* A missing file is an empty one. */
static bool read_table(int root, struct arena *arena, const char *path, char **text,
		       struct error *err)
{
	autoclose int fd = -1;
	autobuf struct buf buf;

	buf_init(&buf, FILE_MAX);
	*text = arena_strdup(arena, "");
	if (!path_open_regular(root, path, PATH_IN_ROOT, &fd, err))
		return err->kind == ERROR_NOT_FOUND || error_in(err, "the image");
	if (!file_read_fd(fd, path, &buf, err))
		return error_in(err, "the image's %s", path);
	*text = arena_strndup(arena, buf.data, buf.length);
	return true;
}

/* Takes the next line off the text, cut into its fields; false at the end. */
static bool next_line(char **text, struct line *line)
{
	char *at = strsep(text, "\n");

	line->count = 0;
	if (!at)
		return false;
	while (at && line->count < FIELDS_MAX && at[0] != '#')
		line->fields[line->count++] = strsep(&at, ":");
	return true;
}

static bool parse_id(const char *text, long *id)
{
	char *end = NULL;

	if (!isdigit((unsigned char)text[0]))
		return false;
	*id = strtol(text, &end, 10);
	return *end == '\0' && *id >= 0 && *id <= ID_MAX;
}

static bool is_number(const char *text)
{
	return text[0] && text[strspn(text, "0123456789")] == '\0';
}

/* The first line of /etc/passwd for this name, or this number. */
static bool find_passwd(char *passwd, const char *wanted, struct user *user, const char **name)
{
	struct line line;
	bool by_number = is_number(wanted);
	long wanted_id = by_number ? strtol(wanted, NULL, 10) : -1;
	long uid;
	long gid;

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
	long gid;

	while (next_line(&group, &line)) {
		if (line.count >= 4 && parse_id(line.fields[2], &gid) &&
		    is_member(line.fields[3], name))
			add_group(user, (gid_t)gid);
	}
}

static bool find_group(char *group, const char *wanted, gid_t *gid, struct error *err)
{
	struct line line;
	long id;

	while (next_line(&group, &line)) {
		if (line.count >= 3 && strcmp(line.fields[0], wanted) == 0 &&
		    parse_id(line.fields[2], &id)) {
			*gid = (gid_t)id;
			return true;
		}
	}
	if (is_number(wanted) && parse_id(wanted, &id)) {
		*gid = (gid_t)id;
		return true;
	}
	return error_set(err, ERROR_INPUT,
			 "unable to find group %s: no matching entries in group file", wanted);
}

static bool find_account(char *passwd, const char *wanted, struct user *user, const char **name,
			 struct error *err)
{
	long uid;

	if (find_passwd(passwd, wanted, user, name))
		return true;
	if (is_number(wanted) && !parse_id(wanted, &uid))
		return error_set(err, ERROR_INPUT, "uids and gids must be in range 0-%ld", ID_MAX);
	if (!is_number(wanted) && strcmp(wanted, "root") != 0)
		return error_set(err, ERROR_INPUT,
				 "unable to find user %s: no matching entries in passwd file",
				 wanted);
	user->uid = is_number(wanted) ? (uid_t)uid : 0;
	return true;
}

bool user_find(int root, struct arena *arena, const char *text, const struct texts *more,
	       struct user *user, struct error *err)
{
	char *account = arena_strdup(arena, *text ? text : "0");
	char *group = strchr(account, ':');
	const char *name = NULL;
	char *passwd;
	char *groups;

	*user = (struct user){ .home = "/" };
	user->groups = arena_array(arena, GROUPS_MAX, sizeof(*user->groups));
	if (group)
		*group++ = '\0';
	if (!read_table(root, arena, "/etc/passwd", &passwd, err) ||
	    !read_table(root, arena, "/etc/group", &groups, err))
		return false;
	if (!find_account(passwd, *account ? account : "0", user, &name, err))
		return false;
	if (group && *group && !find_group(arena_strdup(arena, groups), group, &user->gid, err))
		return false;
	add_group(user, user->gid);
	if (!(group && *group) && name)
		add_memberships(arena_strdup(arena, groups), name, user);
	for (size_t i = 0; i < more->count; i++) {
		gid_t gid;

		if (!find_group(arena_strdup(arena, groups), more->items[i], &gid, err))
			return error_set(
				err, ERROR_INPUT,
				"Unable to find group %s: no matching entries in group file",
				more->items[i]);
		add_group(user, gid);
	}
	return true;
}
