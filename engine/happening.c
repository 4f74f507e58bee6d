/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/happening.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/journal.h"
#include "base/path.h"
#include "engine/find.h"

#define LOOK_AGAIN_MS  60000

#define TYPE_CONTAINER "container"
#define TYPE_NETWORK   "network"
#define TYPE_VOLUME    "volume"
#define ACTION_MOUNT   "mount"

/* Writing. ------------------------------------------------------------------------------------ */

void happening_container(const struct engine *engine, const struct container *container,
			 const char *action, const char *const *extra)
{
	autotexts struct texts attributes = { 0 };
	autofree char *image = mem_printf("image=%s", container->image);
	autofree char *name = mem_printf("name=%s", container->name);

	for (; extra && *extra; extra++)
		texts_add(&attributes, *extra);
	texts_add(&attributes, image);
	texts_add_all(&attributes, container->labels.items, container->labels.count);
	texts_add(&attributes, name);
	const struct journal_entry entry = { .type = TYPE_CONTAINER,
					     .action = action,
					     .id = container->id,
					     .attributes = attributes.items,
					     .count = attributes.count };
	journal_add(engine->run, &entry);
}

static void add_other(const struct engine *engine, const char *type, const char *action,
		      const char *id, const char *const *attributes)
{
	struct journal_entry entry = {
		.type = type, .action = action, .id = id, .attributes = attributes
	};

	while (attributes && attributes[entry.count])
		entry.count++;
	journal_add(engine->run, &entry);
}

void happening_network(const struct engine *engine, const struct network *network,
		       const char *action, const char *container)
{
	autofree char *name = mem_printf("name=%s", network->name);
	autofree char *type = mem_printf("type=%s", network->driver);
	autofree char *who = mem_printf("container=%s", container ? container : "");
	const char *const attributes[] = { name, type, container ? who : NULL, NULL };

	add_other(engine, TYPE_NETWORK, action, network->id, attributes);
}

void happening_volume(const struct engine *engine, const char *name, const char *action)
{
	static const char *const attributes[] = { "driver=local", NULL };

	add_other(engine, TYPE_VOLUME, action, name, attributes);
}

void happening_mount(const struct engine *engine, const struct container_mount *mount,
		     const char *container)
{
	autofree char *who = mem_printf("container=%s", container);
	autofree char *where = mem_printf("destination=%s", mount->target);
	const char *const attributes[] = { who,
					   where,
					   "driver=local",
					   "propagation=",
					   mount->is_readonly ? "read/write=false"
							      : "read/write=true",
					   NULL };

	add_other(engine, TYPE_VOLUME, ACTION_MOUNT, mount->source, attributes);
}

void happening_image(const struct engine *engine, const char *action, const char *id,
		     const char *name)
{
	autofree char *text = mem_printf("name=%s", name);
	const char *const attributes[] = { text, NULL };

	add_other(engine, "image", action, id, attributes);
}

/* Reading. ------------------------------------------------------------------------------------ */

/* The monitor knows a container by its ID alone: the rest is what was last said of it. */
struct known {
	struct known *next;
	const char *id;
	const struct json *attributes;
};

/* What a container holds while it runs: a network or a volume. */
struct tie {
	struct tie *next;
	const char *type, *id, *container;
	const struct json *attributes;
	bool is_loose; /* the container has ended; its policy may start it again */
};

struct reader {
	const struct engine *engine;
	const struct happening_query *query;
	struct arena arena; /* of what is known */
	struct known *known;
	struct tie *ties;
	struct buf line; /* the beginning of one that is not complete yet */
	bool is_over;
};

static const struct json *no_attributes(struct arena *arena)
{
	return json_new(arena, NULL, NULL, JSON_OBJECT, NULL);
}

static const struct json *copy_json(struct arena *arena, const struct json *object)
{
	struct json *copy = json_new(arena, NULL, NULL, JSON_OBJECT, NULL);

	for (const struct json *item = object->child; item; item = item->next)
		if (item->type == JSON_TEXT && strcmp(item->key, "oldName") != 0)
			(void)json_new(arena, copy, item->key, JSON_TEXT, item->text);
	return copy;
}

static void add_labels(struct arena *arena, struct json *object, const struct texts *labels)
{
	for (size_t i = 0; i < labels->count; i++) {
		const char *pair = labels->items[i];
		size_t length = strcspn(pair, "=");

		(void)json_new(arena, object, arena_strndup(arena, pair, length), JSON_TEXT,
			       pair[length] ? pair + length + 1 : "");
	}
}

static struct known *find_known(struct reader *reader, const char *id)
{
	for (struct known *known = reader->known; known; known = known->next)
		if (strcmp(known->id, id) == 0)
			return known;
	return NULL;
}

static void remember(struct reader *reader, const struct happening *happening)
{
	struct known *known = find_known(reader, happening->id);

	if (!json_get(happening->attributes, "name"))
		return;
	if (!known) {
		known = arena_alloc(&reader->arena, sizeof(*known));
		known->id = arena_strdup(&reader->arena, happening->id);
		known->next = reader->known;
		reader->known = known;
	} else if (strcmp(happening->action, "rename") != 0) {
		return; /* nothing new: memory is kept for what changes */
	}
	known->attributes = copy_json(&reader->arena, happening->attributes);
}

/* One of whom the journal has forgotten, but who is still there. */
static void look_up(struct reader *reader, const char *id)
{
	autoarena struct arena arena = { 0 };
	struct container container = { 0 };
	struct error ignored;

	if (find_is_id(id) && container_read(reader->engine, &arena, id, &container, &ignored)) {
		struct json *attributes = json_new(&arena, NULL, NULL, JSON_OBJECT, NULL);
		const struct happening happening = { .action = "",
						     .id = id,
						     .attributes = attributes };

		(void)json_new(&arena, attributes, "image", JSON_TEXT, container.image);
		add_labels(&arena, attributes, &container.labels);
		(void)json_new(&arena, attributes, "name", JSON_TEXT, container.name);
		remember(reader, &happening);
	}
	container_done(&container);
}

/* What the event says, and what is known besides. */
static void complete(struct reader *reader, struct arena *arena, struct happening *happening)
{
	const struct known *known;
	struct json *all;

	if (json_get(happening->attributes, "name"))
		return;
	known = find_known(reader, happening->id);
	if (!known) {
		look_up(reader, happening->id);
		known = find_known(reader, happening->id);
	}
	if (!known)
		return;
	all = json_new(arena, NULL, NULL, JSON_OBJECT, NULL);
	for (const struct json *item = happening->attributes->child; item; item = item->next)
		if (item->type == JSON_TEXT)
			(void)json_new(arena, all, item->key, JSON_TEXT, item->text);
	for (const struct json *item = known->attributes->child; item; item = item->next)
		if (!json_get(all, item->key))
			(void)json_new(arena, all, item->key, JSON_TEXT, item->text);
	happening->attributes = all;
}

static void deliver(struct reader *reader, const struct happening *happening)
{
	if (happening->time < reader->query->since || reader->is_over)
		return;
	reader->is_over = (reader->query->until && happening->time > reader->query->until) ||
			  !reader->query->on_event(reader->query->context, happening);
}

/* Ties. --------------------------------------------------------------------------------------- */

static struct tie **find_tie(struct reader *reader, const struct happening *happening,
			     const char *container)
{
	struct tie **tie = &reader->ties;

	while (*tie && (strcmp((*tie)->type, happening->type) != 0 ||
			strcmp((*tie)->id, happening->id) != 0 ||
			strcmp((*tie)->container, container) != 0))
		tie = &(*tie)->next;
	return tie;
}

static void note_tie(struct reader *reader, const struct happening *happening)
{
	const struct json *container = json_get(happening->attributes, "container");
	bool is_begun = strcmp(happening->action, "connect") == 0 ||
			strcmp(happening->action, ACTION_MOUNT) == 0;
	struct tie **place;

	if (!container || container->type != JSON_TEXT)
		return;
	place = find_tie(reader, happening, container->text);
	if (*place && is_begun) {
		(*place)->is_loose = false;
	} else if (*place) {
		*place = (*place)->next;
	} else if (is_begun) {
		struct tie *tie = arena_alloc(&reader->arena, sizeof(*tie));

		tie->type = arena_strdup(&reader->arena, happening->type);
		tie->id = arena_strdup(&reader->arena, happening->id);
		tie->container = arena_strdup(&reader->arena, container->text);
		tie->attributes = copy_json(&reader->arena, happening->attributes);
		*place = tie;
	}
}

/* Of an unmount docker says less than of the mount. */
static const struct json *ended_attributes(struct arena *arena, const struct tie *tie)
{
	if (strcmp(tie->type, TYPE_NETWORK) == 0)
		return tie->attributes;
	struct json *object = json_new(arena, NULL, NULL, JSON_OBJECT, NULL);
	(void)json_new(arena, object, "container", JSON_TEXT, tie->container);
	(void)json_new(arena, object, "driver", JSON_TEXT, "local");
	return object;
}

/* The container has ended, or its policy has started it again: so for what it holds. `arena` lasts
 * as long as the event. */
static void turn_ties(struct reader *reader, struct arena *arena, const struct happening *container,
		      bool is_end)
{
	for (struct tie *tie = reader->ties; tie; tie = tie->next) {
		const bool is_network = strcmp(tie->type, TYPE_NETWORK) == 0;
		const char *begun = is_network ? "connect" : ACTION_MOUNT;
		const char *ended = is_network ? "disconnect" : "unmount";
		struct happening happening = { .time = container->time,
					       .type = tie->type,
					       .action = is_end ? ended : begun,
					       .id = tie->id,
					       .attributes = tie->attributes };

		if (strcmp(tie->container, container->id) != 0 || tie->is_loose == is_end)
			continue;
		if (is_end)
			happening.attributes = ended_attributes(arena, tie);
		tie->is_loose = is_end;
		deliver(reader, &happening);
	}
}

static void forget_ties(struct reader *reader, const char *container)
{
	for (struct tie **tie = &reader->ties; *tie;) {
		if (strcmp((*tie)->container, container) == 0)
			*tie = (*tie)->next;
		else
			tie = &(*tie)->next;
	}
}

static void deliver_container(struct reader *reader, struct arena *arena,
			      struct happening *happening)
{
	remember(reader, happening);
	complete(reader, arena, happening);
	if (strcmp(happening->action, "start") == 0)
		turn_ties(reader, arena, happening, false);
	deliver(reader, happening);
	if (strcmp(happening->action, "die") == 0)
		turn_ties(reader, arena, happening, true);
	else if (strcmp(happening->action, "destroy") == 0)
		forget_ties(reader, happening->id);
}

/* Lines. -------------------------------------------------------------------------------------- */

/* A line that is damaged is left out. */
static void take_line(struct reader *reader, const char *text, size_t length)
{
	autoarena struct arena arena = { 0 };
	struct happening happening;
	const struct json *root;
	struct error ignored;

	if (!json_parse(&arena, JOURNAL_NAME, text, length, &root, &ignored) ||
	    !json_int(root, "time", &happening.time, &ignored) ||
	    !json_text(root, "type", &happening.type, &ignored) ||
	    !json_text(root, "action", &happening.action, &ignored) ||
	    !json_text(root, "id", &happening.id, &ignored) ||
	    !json_object_or_null(root, "attributes", &happening.attributes, &ignored))
		return;
	if (!happening.attributes)
		happening.attributes = no_attributes(&arena);
	if (strcmp(happening.type, TYPE_CONTAINER) == 0) {
		deliver_container(reader, &arena, &happening);
		return;
	}
	note_tie(reader, &happening);
	deliver(reader, &happening);
}

static void take_bytes(struct reader *reader, const char *bytes, size_t count)
{
	while (count > 0 && !reader->is_over) {
		const char *end = memchr(bytes, '\n', count);
		size_t length = end ? (size_t)(end - bytes) : count;

		buf_add(&reader->line, bytes, length);
		if (!end)
			return;
		if (!reader->line.is_cut)
			take_line(reader, reader->line.data, reader->line.length);
		buf_clear(&reader->line);
		bytes = end + 1;
		count -= length + 1;
	}
}

static void read_to_end(struct reader *reader, int file)
{
	char chunk[16384];
	ssize_t got;

	while (!reader->is_over && file >= 0 && (got = read(file, chunk, sizeof(chunk))) > 0)
		take_bytes(reader, chunk, (size_t)got);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* False when the time is up. */
static bool await_change(const struct reader *reader, int watch)
{
	struct pollfd wait = { watch, POLLIN, 0 };
	char events[4096];
	int64_t limit = LOOK_AGAIN_MS;

	if (reader->query->until) {
		int64_t left = (reader->query->until - now_ns()) / 1000000 + 1;

		if (reader->query->until <= now_ns())
			return false;
		limit = left < limit ? left : limit;
	}
	if (poll(&wait, 1, (int)limit) > 0)
		while (read(watch, events, sizeof(events)) > 0)
			continue;
	return true;
}

static bool is_replaced(int file, int directory)
{
	struct stat here;
	struct stat there;

	return fstatat(directory, JOURNAL_NAME, &there, 0) == 0 &&
	       (file < 0 || (fstat(file, &here) == 0 &&
			     (here.st_ino != there.st_ino || here.st_dev != there.st_dev)));
}

/* The file that is being written, from where it was read to; then the one that takes its name. */
static void follow(struct reader *reader, int directory, int opened, int watch)
{
	autoclose int file = opened;
	bool is_in_time = true;

	while (!reader->is_over && is_in_time) {
		is_in_time = await_change(reader, watch);
		bool is_next = is_replaced(file, directory);
		read_to_end(reader, file); /* also what was written before it was moved */
		if (is_next) {
			mem_cleanup_close(&file);
			file = openat(directory, JOURNAL_NAME, O_RDONLY | O_CLOEXEC);
			read_to_end(reader, file);
		}
	}
}

bool happening_read(const struct engine *engine, const struct happening_query *query,
		    struct error *err)
{
	struct reader reader = { .engine = engine, .query = query };
	autoclose int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	autoclose int directory = -1;

	if (!path_make_own_dirs(engine->run, 0711, err))
		return false;
	directory = open(engine->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || watch < 0 ||
	    inotify_add_watch(watch, engine->run, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return error_sys(err, "watch %s", engine->run);
	buf_init(&reader.line, JOURNAL_LINE_MAX);
	autoclose int old = openat(directory, JOURNAL_NAME ".1", O_RDONLY | O_CLOEXEC);
	read_to_end(&reader, old);
	autoclose int file = openat(directory, JOURNAL_NAME, O_RDONLY | O_CLOEXEC);
	read_to_end(&reader, file);
	follow(&reader, directory, take_fd(&file), watch);
	buf_done(&reader.line);
	arena_done(&reader.arena);
	return true;
}
