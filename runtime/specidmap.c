/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "runtime/specpart.h"

/*
 * The maps of an id-mapped mount in one option, as crun takes them and podman passes them on:
 *
 *   idmap=uids=0-100000-1000#1000-5-1;gids=@0-1-10
 *
 * A range is: its first id on disk, the first for the host, how many. After "@" the second is not
 * the host's, but that of the container's user namespace.
 */

static bool read_id(const char **at, char end, int64_t *id)
{
	char *rest;

	if (**at < '0' || **at > '9')
		return false;
	*id = strtoll(*at, &rest, 10); /* what does not fit is out of range, too */
	if (end && *rest != end)
		return false;
	*at = rest + (end != '\0');
	return true;
}

/* Where the container's user namespace has the host's ids, of the range that `id` is in. */
static bool shift(const struct spec_id_map *maps, size_t count, int64_t id, int64_t *outside)
{
	for (size_t i = 0; i < count; i++)
		if (id >= maps[i].inside && id - maps[i].inside < maps[i].count) {
			*outside += (int64_t)maps[i].outside - (int64_t)maps[i].inside;
			return true;
		}
	return false;
}

static size_t count_ranges(const char *text)
{
	size_t length = strcspn(text, ";"), count = 1;

	for (size_t i = 0; i < length; i++)
		count += text[i] == '#';
	return count;
}

/* The ranges of one kind, up to its end or ";". */
static bool read_ranges(struct spec_reader *reader, const struct json *option, const char **at,
			bool is_users, struct spec_mount *mount)
{
	const struct spec *spec = reader->spec;
	const struct spec_id_map *own = is_users ? spec->uid_maps : spec->gid_maps;
	size_t own_count = is_users ? spec->uid_map_count : spec->gid_map_count;
	size_t most = count_ranges(*at), count = 0;
	struct spec_id_map *maps = arena_array(reader->arena, most, sizeof(*maps));

	if (most > SPEC_ID_MAPS_MAX)
		return json_wrong(option, reader->err, "more than %d mappings", SPEC_ID_MAPS_MAX);
	do {
		int64_t inside, outside, size;
		bool is_relative = **at == '@';

		*at += is_relative || **at == '+';
		if (!read_id(at, '-', &inside) || !read_id(at, '-', &outside) ||
		    !read_id(at, '\0', &size) || (**at && !strchr("#;", **at)))
			return json_wrong(option, reader->err,
					  "expected ranges such as 0-100000-1000, # between them");
		if (is_relative && !shift(own, own_count, inside, &outside))
			return json_wrong(option, reader->err,
					  "the container's user namespace does not map %lld",
					  (long long)inside);
		if (size < 1 || outside < 0 || inside > UINT32_MAX || outside > UINT32_MAX ||
		    size > UINT32_MAX || inside + size > UINT32_MAX || outside + size > UINT32_MAX)
			return json_wrong(option, reader->err, "ids out of range");
		maps[count++] =
			(struct spec_id_map){ (uint32_t)inside, (uint32_t)outside, (uint32_t)size };
	} while (*(*at) == '#' && (*at)++);
	*(is_users ? &mount->uid_maps : &mount->gid_maps) = maps;
	*(is_users ? &mount->uid_map_count : &mount->gid_map_count) = count;
	return true;
}

bool spec_read_idmap(struct spec_reader *reader, const struct json *option, const char *maps,
		     struct spec_mount *mount)
{
	for (const char *at = maps; *at; at += *at == ';') {
		bool is_users = strncmp(at, "uids=", 5) == 0;

		if (!is_users && strncmp(at, "gids=", 5) != 0)
			return json_wrong(option, reader->err, "expected uids=… and gids=…");
		if ((is_users ? mount->uid_map_count : mount->gid_map_count) > 0)
			return json_wrong(option, reader->err, "mappings are given twice");
		at += 5;
		if (!read_ranges(reader, option, &at, is_users, mount))
			return false;
	}
	return true;
}
