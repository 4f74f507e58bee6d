/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/container.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "engine/status.h"

#define OPTIONS_MAX (8 << 20) /* bytes of options.json */

enum field_kind {
	FIELD_TEXT,
	FIELD_TEXTS,
	FIELD_BOOL,
	FIELD_NUMBER
};

struct field {
	const char *key;
	enum field_kind kind;
	size_t offset;
};

#define FIELD(kind, member)                                                                        \
	{                                                                                          \
#member, kind, offsetof(struct container, member)                                  \
	}

/* Reading and writing go by this one table, so that neither can forget a member. */
static const struct field fields[] = {
	FIELD(FIELD_TEXT, id),
	FIELD(FIELD_TEXT, name),
	FIELD(FIELD_TEXT, image),
	FIELD(FIELD_TEXT, image_id),
	FIELD(FIELD_TEXT, created),
	FIELD(FIELD_TEXTS, entrypoint),
	FIELD(FIELD_TEXTS, command),
	FIELD(FIELD_TEXTS, env),
	FIELD(FIELD_TEXTS, labels),
	FIELD(FIELD_TEXT, user),
	FIELD(FIELD_TEXT, workdir),
	FIELD(FIELD_TEXT, hostname),
	FIELD(FIELD_TEXT, domainname),
	FIELD(FIELD_TEXT, network),
	FIELD(FIELD_TEXTS, publish),
	FIELD(FIELD_BOOL, publishes_all),
	FIELD(FIELD_TEXTS, links),
	FIELD(FIELD_TEXT, pid_mode),
	FIELD(FIELD_TEXT, ipc_mode),
	FIELD(FIELD_TEXT, uts_mode),
	FIELD(FIELD_TEXT, cgroupns_mode),
	FIELD(FIELD_TEXTS, extra_hosts),
	FIELD(FIELD_TEXTS, dns),
	FIELD(FIELD_TEXTS, dns_search),
	FIELD(FIELD_TEXTS, dns_options),
	FIELD(FIELD_TEXTS, exposed_ports),
	FIELD(FIELD_TEXTS, volumes_from),
	FIELD(FIELD_TEXTS, volumes),
	FIELD(FIELD_TEXTS, devices),
	FIELD(FIELD_TEXTS, cap_add),
	FIELD(FIELD_TEXTS, cap_drop),
	FIELD(FIELD_TEXTS, security),
	FIELD(FIELD_TEXTS, groups),
	FIELD(FIELD_TEXTS, sysctls),
	FIELD(FIELD_TEXTS, ulimits),
	FIELD(FIELD_BOOL, is_privileged),
	FIELD(FIELD_BOOL, is_readonly),
	FIELD(FIELD_NUMBER, memory),
	FIELD(FIELD_NUMBER, memory_swap),
	FIELD(FIELD_NUMBER, memory_reservation),
	FIELD(FIELD_NUMBER, nano_cpus),
	FIELD(FIELD_NUMBER, cpu_shares),
	FIELD(FIELD_NUMBER, cpu_period),
	FIELD(FIELD_NUMBER, cpu_quota),
	FIELD(FIELD_TEXT, cpuset_cpus),
	FIELD(FIELD_TEXT, cpuset_mems),
	FIELD(FIELD_NUMBER, cpu_rt_period),
	FIELD(FIELD_NUMBER, cpu_rt_runtime),
	FIELD(FIELD_NUMBER, memory_swappiness),
	FIELD(FIELD_BOOL, has_swappiness),
	FIELD(FIELD_BOOL, has_no_oom_kill),
	FIELD(FIELD_NUMBER, blkio_weight),
	FIELD(FIELD_TEXTS, block_weights),
	FIELD(FIELD_TEXTS, block_read_bps),
	FIELD(FIELD_TEXTS, block_write_bps),
	FIELD(FIELD_TEXTS, block_read_iops),
	FIELD(FIELD_TEXTS, block_write_iops),
	FIELD(FIELD_TEXTS, device_rules),
	FIELD(FIELD_TEXTS, annotations),
	FIELD(FIELD_NUMBER, pids_limit),
	FIELD(FIELD_NUMBER, shm_size),
	FIELD(FIELD_NUMBER, oom_score_adj),
	FIELD(FIELD_TEXT, cgroup_parent),
	FIELD(FIELD_TEXTS, health_test),
	FIELD(FIELD_NUMBER, health_interval),
	FIELD(FIELD_NUMBER, health_timeout),
	FIELD(FIELD_NUMBER, health_start_period),
	FIELD(FIELD_NUMBER, health_start_interval),
	FIELD(FIELD_NUMBER, health_retries),
	FIELD(FIELD_TEXT, restart),
	FIELD(FIELD_TEXT, log_driver),
	FIELD(FIELD_TEXTS, log_options),
	FIELD(FIELD_NUMBER, log_max_size),
	FIELD(FIELD_NUMBER, log_max_files),
	FIELD(FIELD_TEXT, stop_signal),
	FIELD(FIELD_NUMBER, stop_timeout),
	FIELD(FIELD_BOOL, is_removed_on_exit),
	FIELD(FIELD_BOOL, has_left_none),
	FIELD(FIELD_BOOL, has_joined_none),
	FIELD(FIELD_BOOL, has_open_stdin),
	FIELD(FIELD_BOOL, has_tty),
	FIELD(FIELD_NUMBER, console_rows),
	FIELD(FIELD_NUMBER, console_columns),
	FIELD(FIELD_BOOL, has_init),
	FIELD(FIELD_TEXT, userns_mode),
	FIELD(FIELD_BOOL, is_attached),
	FIELD(FIELD_BOOL, is_for_64_bits),
};

static void write_field(struct jsonout *out, const struct field *field, const void *place)
{
	const char *text;
	const struct texts *texts;

	switch (field->kind) {
	case FIELD_TEXT:
		text = *(const char *const *)place;
		if (text && *text)
			jsonout_text(out, field->key, text);
		break;
	case FIELD_TEXTS:
		texts = place;
		if (texts->count)
			jsonout_texts(out, field->key, texts->items, texts->count);
		break;
	case FIELD_BOOL:
		if (*(const bool *)place)
			jsonout_bool(out, field->key, true);
		break;
	case FIELD_NUMBER:
		if (*(const int64_t *)place)
			jsonout_int(out, field->key, *(const int64_t *)place);
		break;
	}
}

static void write_mounts(struct jsonout *out, const struct container *container)
{
	jsonout_array(out, "mounts");
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];

		jsonout_object(out, NULL);
		jsonout_int(out, "kind", mount->kind);
		jsonout_text(out, "source", mount->source);
		jsonout_text(out, "target", mount->target);
		jsonout_text(out, "options", mount->options);
		jsonout_bool(out, "is_readonly", mount->is_readonly);
		jsonout_bool(out, "is_source_needed", mount->is_source_needed);
		jsonout_bool(out, "is_long", mount->is_long);
		jsonout_bool(out, "is_anonymous", mount->is_anonymous);
		jsonout_bool(out, "is_inherited", mount->is_inherited);
		jsonout_bool(out, "is_copied_up", mount->is_copied_up);
		jsonout_bool(out, "is_flat", mount->is_flat);
		jsonout_bool(out, "is_readonly_top", mount->is_readonly_top);
		jsonout_text(out, "subpath", mount->subpath);
		if (mount->kind == MOUNT_IMAGE)
			jsonout_text(out, "image_id", mount->image_id);
		jsonout_object_end(out);
	}
	jsonout_array_end(out);
}

static void write_networks(struct jsonout *out, const struct container *container)
{
	jsonout_array(out, "networks");
	for (size_t i = 0; i < container->network_count; i++) {
		const struct container_network *network = &container->networks[i];

		jsonout_object(out, NULL);
		jsonout_text(out, "name", network->name);
		jsonout_text(out, "ip", network->ip);
		jsonout_text(out, "ip6", network->ip6);
		jsonout_text(out, "mac", network->mac);
		jsonout_texts(out, "aliases", network->aliases.items, network->aliases.count);
		if (network->link_local.count)
			jsonout_texts(out, "link_local", network->link_local.items,
				      network->link_local.count);
		if (network->gw_priority)
			jsonout_int(out, "gw_priority", network->gw_priority);
		if (network->driver_options.count)
			jsonout_texts(out, "driver_options", network->driver_options.items,
				      network->driver_options.count);
		if (network->links.count)
			jsonout_texts(out, "links", network->links.items, network->links.count);
		jsonout_object_end(out);
	}
	jsonout_array_end(out);
}

bool container_write(const struct container *container, int dir, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, OPTIONS_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		write_field(&out, &fields[i], (const char *)container + fields[i].offset);
	jsonout_array(&out, "chains");
	for (size_t i = 0; i < container->layer_count; i++)
		jsonout_text(&out, NULL, container->chains[i].text);
	jsonout_array_end(&out);
	write_mounts(&out, container);
	write_networks(&out, container);
	jsonout_object_end(&out);
	jsonout_done(&out);
	/* A container that goes away with its process need not survive a power cut: all that is
	 * left of it then may be the name of an empty file. */
	return buf_check(&text, CONTAINER_OPTIONS, err) &&
	       file_replace(dir, CONTAINER_OPTIONS, text.data, text.length, 0600,
			    container->is_removed_on_exit ? FILE_VOLATILE : FILE_DURABLE, err);
}

static bool read_field(struct arena *arena, const struct json *root, const struct field *field,
		       void *place, struct error *err)
{
	const char **items;
	size_t count;

	switch (field->kind) {
	case FIELD_TEXT:
		return json_text_or(root, field->key, "", place, err);
	case FIELD_TEXTS:
		if (!json_text_array(arena, root, field->key, &items, &count, err))
			return false;
		texts_add_all(place, items, count);
		return true;
	case FIELD_BOOL:
		return json_bool_or(root, field->key, false, place, err);
	case FIELD_NUMBER:
		return json_int_or(root, field->key, 0, place, err);
	}
	return true;
}

static bool read_mount(const struct json *item, struct container_mount *mount, struct error *err)
{
	int64_t kind;

	if (!json_int(item, "kind", &kind, err) ||
	    !json_text_or(item, "source", NULL, &mount->source, err) ||
	    !json_text(item, "target", &mount->target, err) ||
	    !json_text_or(item, "options", "", &mount->options, err) ||
	    !json_bool_or(item, "is_readonly", false, &mount->is_readonly, err) ||
	    !json_bool_or(item, "is_source_needed", false, &mount->is_source_needed, err) ||
	    !json_bool_or(item, "is_long", false, &mount->is_long, err) ||
	    !json_bool_or(item, "is_anonymous", false, &mount->is_anonymous, err) ||
	    !json_bool_or(item, "is_inherited", false, &mount->is_inherited, err) ||
	    !json_bool_or(item, "is_copied_up", false, &mount->is_copied_up, err) ||
	    !json_bool_or(item, "is_flat", false, &mount->is_flat, err) ||
	    !json_bool_or(item, "is_readonly_top", false, &mount->is_readonly_top, err) ||
	    !json_text_or(item, "subpath", "", &mount->subpath, err) ||
	    !json_text_or(item, "image_id", "", &mount->image_id, err))
		return false;
	if (kind < MOUNT_BIND || kind > MOUNT_IMAGE)
		return json_wrong(item, err, "no such kind of mount");
	mount->kind = (enum mount_kind)kind;
	return true;
}

static bool read_network(struct arena *arena, const struct json *item,
			 struct container_network *network, struct error *err)
{
	return json_text(item, "name", &network->name, err) &&
	       json_text_or(item, "ip", "", &network->ip, err) &&
	       json_text_or(item, "ip6", "", &network->ip6, err) &&
	       json_text_or(item, "mac", "", &network->mac, err) &&
	       json_text_array(arena, item, "aliases", &network->aliases.items,
			       &network->aliases.count, err) &&
	       json_text_array(arena, item, "links", &network->links.items, &network->links.count,
			       err) &&
	       json_text_array(arena, item, "link_local", &network->link_local.items,
			       &network->link_local.count, err) &&
	       json_text_array(arena, item, "driver_options", &network->driver_options.items,
			       &network->driver_options.count, err) &&
	       json_int_or(item, "gw_priority", 0, &network->gw_priority, err);
}

static bool read_networks(struct arena *arena, const struct json *root, struct container *container,
			  struct error *err)
{
	const struct json *networks;

	if (!json_array_or_null(root, "networks", &networks, err))
		return false;
	if (!networks)
		return true;
	container->networks = arena_array(arena, networks->count + 1, sizeof(*container->networks));
	for (const struct json *item = networks->child; item; item = item->next) {
		if (!read_network(arena, item, &container->networks[container->network_count++],
				  err))
			return false;
	}
	return true;
}

static bool read_lists(struct arena *arena, const struct json *root, struct container *container,
		       struct error *err)
{
	const struct json *mounts;
	const char **chains;

	if (!json_text_array(arena, root, "chains", &chains, &container->layer_count, err) ||
	    !json_array_or_null(root, "mounts", &mounts, err))
		return false;
	struct digest *digests = arena_array(arena, container->layer_count, sizeof(*digests));
	for (size_t i = 0; i < container->layer_count; i++) {
		if (!digest_parse(&digests[i], chains[i], err))
			return error_in(err, "%s: chains[%zu]", CONTAINER_OPTIONS, i);
	}
	container->chains = digests;
	if (!mounts)
		return true;
	container->mounts = arena_array(arena, mounts->count, sizeof(*container->mounts));
	for (const struct json *item = mounts->child; item; item = item->next) {
		if (!read_mount(item, &container->mounts[container->mount_count++], err))
			return false;
	}
	return true;
}

/* What the file system says of what it has lost. A disk that has gone says EIO, too, but to whom
 * opens the file. */
static bool is_damage(const struct error *err, bool is_open)
{
	return (err->sys == EIO && is_open) || err->sys == EUCLEAN || err->sys == EBADMSG;
}

static bool tell_damage(const char *id, struct error *err)
{
	err->kind = ERROR_CORRUPT;
	error_in(err, "container %.12s", id);
	return error_behind(err, " (docker rm -f %.12s removes it)", id);
}

static bool read_options(const struct engine *engine, const char *id, struct buf *text,
			 struct error *err)
{
	char name[CONTAINER_ID_LENGTH + sizeof("/" CONTAINER_OPTIONS)];

	snprintf(name, sizeof(name), "%.64s/" CONTAINER_OPTIONS, id);
	autoclose int file = openat(engine->containers, name, O_RDONLY | O_CLOEXEC);
	if (file < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "No such container: %s", id);
	bool is_read = file < 0 ? file_error(engine->containers, "open", name, err)
				: file_read_fd(file, CONTAINER_OPTIONS, text, err);
	if (!is_read)
		return is_damage(err, file >= 0) && tell_damage(id, err);
	if (text->length > 0 && text->data[0] != '\0')
		return true;
	/* Renamed, but the power went before its bytes were on the disk: see container_write. But
	 * what somebody has at work is there, whatever became of its file. */
	if (!status_is_locked(engine, id))
		return error_set(err, ERROR_NOT_FOUND, "No such container: %s", id);
	error_set(err, ERROR_CORRUPT, "%s: nothing in it", CONTAINER_OPTIONS);
	return tell_damage(id, err);
}

static bool parse(struct arena *arena, const struct buf *text, const char *id,
		  struct container *container, struct error *err)
{
	const struct json *root;

	if (!json_parse(arena, CONTAINER_OPTIONS, text->data, text->length, &root, err))
		return false;
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (!read_field(arena, root, &fields[i], (char *)container + fields[i].offset, err))
			return false;
	}
	return read_lists(arena, root, container, err) &&
	       read_networks(arena, root, container, err) &&
	       (strcmp(container->id, id) == 0 ||
		error_set(err, ERROR_CORRUPT, "its options name another"));
}

bool container_open(const struct engine *engine, const char *id, int *dir, struct error *err)
{
	*dir = openat(engine->containers, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "No such container: %s", id);
	return *dir >= 0 || file_error(engine->containers, "open", id, err);
}

bool container_read(const struct engine *engine, struct arena *arena, const char *id,
		    struct container *container, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, OPTIONS_MAX);
	*container = (struct container){ 0 };
	return read_options(engine, id, &text, err) &&
	       (parse(arena, &text, id, container, err) || tell_damage(id, err));
}

void container_argv(const struct container *container, struct texts *argv)
{
	texts_add_all(argv, container->entrypoint.items, container->entrypoint.count);
	texts_add_all(argv, container->command.items, container->command.count);
}

void container_done(struct container *container)
{
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (fields[i].kind == FIELD_TEXTS)
			texts_done((struct texts *)(void *)((char *)container + fields[i].offset));
	}
}

void container_copy(const struct container *from, struct container *to)
{
	*to = *from;
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		void *place = (char *)to + fields[i].offset;

		if (fields[i].kind == FIELD_TEXTS) {
			const struct texts shared = *(struct texts *)place;

			*(struct texts *)place = (struct texts){ 0 };
			texts_add_all(place, shared.items, shared.count);
		} else if (fields[i].kind == FIELD_TEXT && !*(const char **)place) {
			*(const char **)place = "";
		}
	}
}

bool container_mark_started(int dir, bool *is_new, struct error *err)
{
	*is_new = faccessat(dir, CONTAINER_STARTED, F_OK, 0) != 0;

	autoclose int file = openat(dir, CONTAINER_STARTED,
				    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	return file >= 0 || error_sys(err, "mark the container as started");
}
