/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "engine/bundlelimit.h"
#include "engine/claim.h"
#include "engine/confine.h"
#include "engine/find.h"
#include "engine/happening.h"
#include "engine/health.h"
#include "engine/linktarget.h"
#include "engine/network.h"
#include "engine/volume.h"
#include "registry/platform.h"
#include "runtime/signame.h"

#define IMAGE_OF_32_BITS "386"
#define STOP_SECONDS_MAX (365 * 24 * 3600) /* as the monitor has it */

/* The user's, then the image's: both are strangers to the monitor, which is told of them. */
static bool check_stop(const struct container *container, struct error *err)
{
	int number;

	if (*container->stop_signal &&
	    (!signame_parse(container->stop_signal, &number, err) || number == 0))
		return error_set(err, ERROR_INPUT, "Invalid signal: %s", container->stop_signal);
	if (container->stop_timeout < -1 || container->stop_timeout > STOP_SECONDS_MAX)
		return error_set(err, ERROR_INPUT,
				 "invalid stop timeout: %lld is not from -1 to %d",
				 (long long)container->stop_timeout, STOP_SECONDS_MAX);
	return true;
}

bool create_check(const struct create *create, struct error *err)
{
	const struct container *container = create->container;
	autoarena struct arena arena = { 0 };
	struct confinement confinement;

	if (*container->name && !find_is_name(container->name))
		return error_set(err, ERROR_INPUT,
				 "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
				 "allowed",
				 container->name);
	if (*container->workdir && container->workdir[0] != '/')
		return error_set(
			err, ERROR_INPUT,
			"the working directory '%s' is invalid, it needs to be an absolute "
			"path",
			container->workdir);
	return check_stop(container, err) && health_check(container, err) &&
	       limit_check(container, err) && confine_read(&arena, container, &confinement, err);
}

/* What the image adds. ------------------------------------------------------------------------ */

static void merge_command(struct create *create, const struct image_config *config)
{
	struct container *container = create->container;

	if (!create->has_entrypoint)
		texts_add_all(&container->entrypoint, config->entrypoint, config->entrypoint_count);
	if ((!create->has_entrypoint || create->has_image_command) && !container->command.count)
		texts_add_all(&container->command, config->cmd, config->cmd_count);
}

static bool has_key(const struct texts *pairs, const char *pair)
{
	size_t length = strcspn(pair, "=");

	for (size_t i = 0; i < pairs->count; i++) {
		if (strncmp(pairs->items[i], pair, length) == 0 &&
		    (pairs->items[i][length] == '=' || !pairs->items[i][length]))
			return true;
	}
	return false;
}

static void merge_env(struct container *container, const struct image_config *config)
{
	struct texts env = container->env;
	size_t own = env.count;

	for (size_t i = 0; i < config->env_count; i++) {
		struct texts users = { .items = env.items, .count = own };

		if (!has_key(&users, config->env[i]))
			texts_add(&env, config->env[i]);
	}
	container->env = env;
}

/* Of a key that was given twice the last one counts. */
static void keep_last(struct texts *pairs)
{
	size_t kept = 0;

	for (size_t i = 0; i < pairs->count; i++) {
		const struct texts later = { .items = pairs->items + i + 1,
					     .count = pairs->count - i - 1 };

		if (!has_key(&later, pairs->items[i]))
			pairs->items[kept++] = pairs->items[i];
	}
	if (pairs->items)
		pairs->items[kept] = NULL;
	pairs->count = kept;
}

static void merge_labels(struct container *container, const struct image_config *config,
			 struct arena *arena)
{
	keep_last(&container->labels);
	for (size_t i = 0; i < config->label_count; i++) {
		const char *pair = arena_printf(arena, "%s=%s", config->labels[i].key,
						config->labels[i].value);

		if (!has_key(&container->labels, pair))
			texts_add(&container->labels, pair);
	}
}

/* The user's settings win one by one, as with docker; a test of their own replaces the image's. */
static void merge_health(struct container *container, const struct image_healthcheck *image)
{
	const struct {
		int64_t *own, value;
	} numbers[] = { { &container->health_interval, image->interval },
			{ &container->health_timeout, image->timeout },
			{ &container->health_start_period, image->start_period },
			{ &container->health_start_interval, image->start_interval },
			{ &container->health_retries, image->retries } };

	if (!container->health_test.count)
		texts_add_all(&container->health_test, image->test, image->test_count);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (!*numbers[i].own)
			*numbers[i].own = numbers[i].value;
}

static bool merge_image(struct create *create, const struct store_image *image, struct arena *arena,
			struct error *err)
{
	struct container *container = create->container;
	const struct image_config *config = &image->config;

	merge_command(create, config);
	merge_env(container, config);
	merge_labels(container, config, arena);
	merge_health(container, &config->healthcheck);
	if (!*container->user)
		container->user = config->user;
	if (!*container->workdir)
		container->workdir = config->working_dir;
	if (*container->workdir) {
		autofree char *cleaned = path_clean(container->workdir);

		container->workdir = arena_strdup(arena, cleaned);
	}
	if (!*container->stop_signal && config->stop_signal)
		container->stop_signal = config->stop_signal;
	if (container->stop_timeout < 0)
		container->stop_timeout = config->stop_timeout;
	for (size_t i = 0; i < config->exposed_port_count; i++) {
		if (!texts_has(&container->exposed_ports, config->exposed_ports[i]))
			texts_add(&container->exposed_ports, config->exposed_ports[i]);
	}
	for (size_t i = 0; i < config->volume_count; i++) {
		if (!mounts_add_declared(create->mounts, config->volumes[i], err))
			return false;
	}
	container->image_id = image->id.text;
	container->chains = image->chains;
	container->layer_count = image->layer_count;
	if (!container->entrypoint.count && !container->command.count)
		return error_set(err, ERROR_INPUT, "No command specified");
	return check_stop(container, err) &&
	       (!health_is_checked(container) || health_check(container, err));
}

/* An image for another machine: refused if one was asked for by name, else only mentioned. */
static bool check_platform(const struct create *create, const struct store_image *image,
			   char *warning, struct error *err)
{
	struct platform wanted;
	struct platform offered;

	warning[0] = '\0';
	create->container->is_for_64_bits =
		strcmp(image->config.architecture, IMAGE_OF_32_BITS) != 0;
	if (create->platform)
		return store_fits_platform(image, create->container->image, create->platform, err);
	platform_set(&offered, image->config.os, image->config.architecture, image->config.variant);
	platform_host(&wanted);
	if (!*offered.arch || platform_rank(&wanted, &offered) >= 0)
		return true;
	autofree char *got = platform_text(&offered);
	autofree char *want = platform_text(&wanted);
	snprintf(warning, ERROR_TEXT_MAX,
		 "The requested image's platform (%s) does not match the detected host platform "
		 "(%s) "
		 "and no specific platform was requested",
		 got, want);
	return true;
}

/* Saving. ------------------------------------------------------------------------------------- */

static const char *own_hostname(struct arena *arena, const struct container *container)
{
	struct utsname names;

	if (strcmp(container->network, "host") == 0 || strcmp(container->uts_mode, "host") == 0)
		return uname(&names) == 0 ? arena_strdup(arena, names.nodename) : "localhost";
	return arena_printf(arena, "%.*s", CONTAINER_SHORT_ID, container->id);
}

/* --network container:NAME: by its ID from now on, and with its name of the machine. */
static bool share_network(struct engine *engine, struct arena *arena, struct container *container,
			  struct error *err)
{
	size_t prefix = strlen(NETWORK_CONTAINER);
	char id[CONTAINER_ID_LENGTH + 1];
	struct container other = { 0 };

	if (strncmp(container->network, NETWORK_CONTAINER, prefix) != 0)
		return true;
	if (strcmp(container->network + prefix, container->name) == 0)
		return error_set(err, ERROR_INPUT, "cannot join own network");
	if (!find_one(engine, container->network + prefix, id, err) ||
	    !container_read(engine, arena, id, &other, err))
		return false;
	container->network = arena_printf(arena, NETWORK_CONTAINER "%s", id);
	container->hostname = other.hostname;
	container->domainname = other.domainname;
	container_done(&other);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct container_network *)a)->name,
		      ((const struct container_network *)b)->name);
}

/* A network may be called by its ID; from now on it is by its name. One that is not there is found
 * out at the start. */
static bool name_networks(const struct engine *engine, struct arena *arena,
			  struct container *container, struct error *err)
{
	struct network network;
	struct error ignored;

	if (strcmp(container->network, NETWORK_BRIDGE) == 0 && container->network_count < 2)
		return true;
	for (size_t i = 0; i < container->network_count; i++) {
		if (network_find(engine, arena, container->networks[i].name, &network, &ignored))
			container->networks[i].name = network.name;
	}
	if (container->network_count &&
	    network_find(engine, arena, container->network, &network, &ignored))
		container->network = network.name;
	qsort(container->networks, container->network_count, sizeof(*container->networks), by_name);
	for (size_t i = 1; i < container->network_count; i++) {
		const char *name = container->networks[i].name;

		if (strcmp(container->networks[i - 1].name, name) == 0)
			return error_set(err, ERROR_INPUT,
					 "network \"%s\" is specified multiple times", name);
	}
	return true;
}

static bool make_directories(int dir, struct error *err)
{
	static const char *const names[] = { "rootfs", "upper", "work" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		/* "upper" gives the container's "/" its mode, whatever the caller's umask is. */
		if (mkdirat(dir, names[i], 0700) < 0 || fchmodat(dir, names[i], 0755, 0) < 0)
			return error_sys(err, "make directory %s of the container", names[i]);
	}
	return true;
}

/* Volumes without a name get one now: it is theirs for as long as the container is there. */
static void name_volumes(struct container *container, struct arena *arena)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		struct container_mount *mount = &container->mounts[i];

		if (mount->kind == MOUNT_VOLUME && mount->is_anonymous &&
		    (!mount->source || !*mount->source))
			mount->source = volume_anonymous_name(arena);
	}
}

/* --mount type=image: by its ID from now on. It is no reason to fetch the container's own image, so
 * one that is not here is a mistake like others. */
static bool find_images(const struct engine *engine, struct arena *arena,
			const struct mounts *mounts, struct error *err)
{
	for (size_t i = 0; i < mounts->count; i++) {
		struct container_mount *mount = &mounts->items[i];
		struct store_image image;
		struct error cause;

		if (mount->kind != MOUNT_IMAGE || *mount->image_id)
			continue;
		if (!store_find(&engine->store, arena, mount->source, &image, &cause))
			return error_set(err, ERROR_INPUT, "%s", cause.text);
		mount->image_id = arena_strdup(arena, image.id.text);
	}
	return true;
}

/* --volumes-from: what the others have; of two at one place that of the later one. */
static bool inherit_mounts(struct engine *engine, struct arena *arena, struct create *create,
			   struct error *err)
{
	const struct texts *from = &create->container->volumes_from;

	for (size_t i = 0; i < from->count; i++) {
		char *name = arena_strdup(arena, from->items[i]);
		char *mode = strchr(name, ':');
		char id[CONTAINER_ID_LENGTH + 1];
		struct container other = { 0 };

		if (mode)
			*mode++ = '\0';
		if (!find_one(engine, name, id, err) ||
		    !container_read(engine, arena, id, &other, err))
			return false;
		bool is_done = mounts_inherit(create->mounts, &other,
					      mode && strcmp(mode, "ro") == 0, err);
		container_done(&other);
		if (!is_done)
			return false;
	}
	return true;
}

static bool save(struct engine *engine, struct arena *arena, const struct create *create, int dir,
		 struct error *err)
{
	struct container *container = create->container;
	bool is_new;

	if (*container->name ? !claim_name(engine, container->name, container->id, err)
			     : !claim_any_name(engine, arena, container->id, &container->name, err))
		return false;
	/* Marked before options.json makes it a container: from then on others judge it, and after
	 * a power cut it has been started. No container outlasts that without its name. */
	return make_directories(dir, err) && volume_create_all(engine, container, err) &&
	       (!create->is_started_next || container_mark_started(dir, &is_new, err)) &&
	       (container->is_removed_on_exit || claim_sync_names(engine, err)) &&
	       container_write(container, dir, err);
}

bool create_container(struct engine *engine, struct arena *arena, struct create *create, int *lock,
		      char *warning, struct error *err)
{
	struct container *container = create->container;
	struct store_image image;
	autoclose int store_lock_fd = -1;
	autoclose int dir = -1;
	struct error ignored; /* what stays is rubbish for the next sweep */

	/* Until options.json names the image, only this lock keeps it from being removed. */
	if (!store_lock(&engine->store, false, &store_lock_fd, err) ||
	    !store_find(&engine->store, arena, container->image, &image, err) ||
	    !check_platform(create, &image, warning, err) ||
	    !inherit_mounts(engine, arena, create, err) ||
	    !find_images(engine, arena, create->mounts, err) ||
	    !merge_image(create, &image, arena, err) ||
	    !share_network(engine, arena, container, err) ||
	    !name_networks(engine, arena, container, err) ||
	    !link_target_resolve(engine, arena, container, err))
		return false;
	mounts_sort(create->mounts);
	container->mounts = create->mounts->items;
	container->mount_count = create->mounts->count;
	name_volumes(container, arena);
	container->created = clock_now_text(arena);
	if (!claim_id(engine, arena, &container->id, &dir, err))
		return false;
	if (!*container->hostname)
		container->hostname = own_hostname(arena, container);
	if (!save(engine, arena, create, dir, err)) {
		if (!claim_release(engine, container->id, container->name, FILE_VOLATILE, &ignored))
			container->id = NULL;
		return false;
	}
	*lock = take_fd(&dir);
	happening_container(engine, container, "create", NULL);
	return true;
}
