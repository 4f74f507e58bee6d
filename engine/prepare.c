/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "engine/attachment.h"
#include "engine/bundle.h"
#include "engine/door.h"
#include "engine/happening.h"
#include "engine/hostfiles.h"
#include "engine/hostns.h"
#include "engine/imagemount.h"
#include "engine/joint.h"
#include "engine/linktarget.h"
#include "engine/netspace.h"
#include "engine/netsysctl.h"
#include "engine/propagation.h"
#include "engine/share.h"
#include "engine/userns.h"
#include "engine/volume.h"
#include "image/rootfs.h"
#include "runtime/kernel.h"

#define CONFIG_MAX (8 << 20)

/* What the steps hand on to each other. */
struct preparation {
	struct engine *engine;
	const struct container *container;
	struct arena *arena;
	int dir;          /* the container's directory */
	int parent;       /* the socket to the command */
	int root;         /* its root file system */
	const char *path; /* of the directory */
	struct attachment attachment;
	struct prepared *prepared;
	int shared_network; /* of container:…; else -1 */
	bool has_own_network;
	const char **sources; /* of the mounts */
	struct texts link_env;
	int *copies; /* of sources that are shared with the host; -1: none */
};

/* In the host's network namespace still. */
static bool lease_networks(struct preparation *self, struct error *err)
{
	const char *network = self->container->network;

	self->has_own_network = strcmp(network, NETWORK_HOST) != 0;
	if (strncmp(network, NETWORK_CONTAINER, strlen(NETWORK_CONTAINER)) == 0)
		return share_open(self->engine, network + strlen(NETWORK_CONTAINER), "net",
				  &self->shared_network, err);
	/* Afterwards: what is the host's for a container may be the hub of its networks. */
	return attachment_lease(&self->attachment, err) &&
	       link_target_env(self->engine, self->arena, self->container,
			       &self->attachment.endpoints, &self->link_env, err) &&
	       (!self->has_own_network || self->prepared->host_network >= 0 ||
		hostns_open(&self->prepared->host_network, err));
}

/* In the host's mount namespace still: what the options of volumes ask for is there for all
 * containers alike, and for the host. */
static bool mount_volumes(struct preparation *self, struct error *err)
{
	bool has_any = false;

	if (!volume_mount_all(self->engine, self->container, &has_any, err))
		return false;
	return !has_any || hostns_open_mounts(&self->prepared->host_mounts, err);
}

/* Programs that talk to docker's daemon are given its socket: they would wonder at a directory. */
static void warn_of_socket(struct preparation *self, const char *source)
{
	const char *slash = strrchr(source, '/');

	if (slash && strcmp(slash + 1, "docker.sock") == 0 && !self->prepared->warning[0])
		snprintf(self->prepared->warning, sizeof(self->prepared->warning),
			 "%s: there is no daemon here and no socket of it: the container gets an "
			 "empty directory",
			 source);
}

/* A missing source of -v becomes a directory, as with docker. */
static bool make_bind_source(struct preparation *self, const struct container_mount *mount,
			     struct error *err)
{
	struct stat status;
	bool is_there = stat(mount->source, &status) == 0;

	if (!is_there || S_ISDIR(status.st_mode))
		warn_of_socket(self, mount->source);
	if (is_there)
		return true;
	if (errno != ENOENT)
		return error_sys(err, "bind mount %s", mount->source);
	if (mount->is_source_needed)
		return error_set(
			err, ERROR_INPUT,
			"invalid mount config for type \"bind\": bind source path does not "
			"exist: %s",
			mount->source);
	return path_make_own_dirs(mount->source, 0755, err) ||
	       error_in(err, "make the missing bind source %s", mount->source);
}

/* Binds are to pass mounts on: before ours are cut off from the host's. */
static bool copy_shared(struct preparation *self, struct error *err)
{
	const struct container *container = self->container;

	self->copies = arena_array(self->arena, container->mount_count + 1, sizeof(int));
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];

		self->copies[i] = -1;
		if (mount->kind != MOUNT_BIND)
			continue;
		if (!make_bind_source(self, mount, err) || !propagation_check(mount, err) ||
		    (propagation_is_shared(mount) &&
		     !propagation_copy(mount, &self->copies[i], err)))
			return false;
	}
	return true;
}

/* By its end: mounts made from now on are seen by nobody else; those of the host still arrive. */
static bool enter_namespaces(struct preparation *self, struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return error_sys(err, "make namespaces for the container (are you root?)");
	if (self->shared_network >= 0 && setns(self->shared_network, CLONE_NEWNET) < 0)
		return error_sys(err, "join the other container's network");
	if (!copy_shared(self, err))
		return false;
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return error_sys(err, "make mounts private");
	return true;
}

static bool refuse_network_sysctls(const struct texts *sysctls, struct error *err)
{
	for (size_t i = 0; i < sysctls->count; i++) {
		if (netsysctl_is_one(sysctls->items[i]))
			return error_set(err, ERROR_INPUT,
					 "sysctl \"%s\" not allowed in host network namespace",
					 sysctls->items[i]);
	}
	return true;
}

/* The container inherits the namespace in which we, and then the monitor, are. */
static bool set_up_network(struct preparation *self, struct error *err)
{
	if (!netspace_is_own(self->container))
		return refuse_network_sysctls(&self->container->sysctls, err);
	return netspace_enter(self->parent, err) && attachment_plug(&self->attachment, err) &&
	       netsysctl_apply(&self->container->sysctls, err);
}

static bool mount_root(struct preparation *self, struct error *err)
{
	const struct container *container = self->container;
	struct rootfs rootfs = {
		.chains = container->chains,
		.layer_count = container->layer_count,
		.upper = arena_printf(self->arena, "%s/upper", self->path),
		.work = arena_printf(self->arena, "%s/work", self->path),
		.target = arena_printf(self->arena, "%s/rootfs", self->path),
		.is_volatile = container->is_removed_on_exit,
		.is_rootless = userns_is_inside(),
	};

	/* A descriptor from before unshare is in the old namespace, whose mounts overlay refuses.
	 */
	autoclose int store_root = open(self->engine->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct store store = { .root = store_root, .path = self->engine->root };
	if (store_root < 0)
		return error_sys(err, "open %s", self->engine->root);
	if (!rootfs_mount(&store, &rootfs, err))
		return error_in(err, "root file system");
	self->root = open(rootfs.target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return self->root >= 0 || error_sys(err, "open the root file system");
}

/* Docker makes it for root, even if the container runs as somebody else. */
static bool make_workdir(const struct preparation *self, struct error *err)
{
	const char *workdir = self->container->workdir;
	struct error ignored;
	struct stat status;
	autoclose int fd = -1;
	autoclose int file = -1;

	if (!*workdir || strcmp(workdir, "/") == 0)
		return true;

	autofree char *path = path_past_links(self->root, workdir, err);

	if (path && path_make_dirs(self->root, path, 0755, &fd, err))
		return true;
	if (path_open(self->root, workdir, PATH_IN_ROOT, O_PATH, 0, &file, &ignored) &&
	    fstat(file, &status) == 0 && !S_ISDIR(status.st_mode))
		return error_set(err, ERROR_INPUT, "Cannot mkdir: %s is not a directory", workdir);
	return error_in(err, "working directory %s", workdir);
}

static bool mount_descriptor(int fd, const char *target)
{
	char path[PATH_OF_FD_MAX];

	return mount(path_of_fd(fd, path), target, NULL, MS_BIND | MS_REC, NULL) == 0;
}

/* A place of our own, in our mount namespace, for a source that no path leads to. */
static bool make_place(const struct preparation *self, size_t number, int source, const char **path,
		       struct error *err)
{
	const char *name = arena_printf(self->arena, "source-%zu", number);
	autoclose int place = -1;
	struct stat status;

	*path = arena_printf(self->arena, "%s/%s", self->path, name);
	if (fstat(source, &status) < 0)
		return error_sys(err, "look at the source");
	if (S_ISDIR(status.st_mode))
		return mkdirat(self->dir, name, 0700) == 0 || errno == EEXIST ||
		       error_sys(err, "make %s", *path);
	place = openat(self->dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return place >= 0 || error_sys(err, "make %s", *path);
}

/* A part of a volume. What other containers make of the volume's links meanwhile must lead nowhere
 * else: it is mounted by the descriptor that was resolved inside the volume. */
static bool use_subpath(const struct preparation *self, size_t number, const char **source,
			struct error *err)
{
	const char *subpath = self->container->mounts[number].subpath;
	autoclose int volume = open(*source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int part = -1;

	if (volume < 0)
		return error_sys(err, "open %s", *source);
	if (!path_open(volume, subpath, PATH_BENEATH, O_PATH, 0, &part, err) && err->sys == EXDEV)
		return error_set(err, ERROR_INPUT,
				 "path concatenation escapes the base directory, base: \"%s\", "
				 "subpath: \"%s\"",
				 *source, subpath);
	if (part < 0)
		return error_set(err, ERROR_INPUT,
				 "cannot access path %s/%s: no such file or directory there",
				 *source, subpath);
	return make_place(self, number, part, source, err) &&
	       (mount_descriptor(part, *source) || error_sys(err, "mount %s", subpath));
}

static bool use_copy(const struct preparation *self, size_t number, const char **source,
		     struct error *err)
{
	autoclose int copy = self->copies[number];
	autoclose int place = -1;

	if (!make_place(self, number, copy, source, err))
		return false;
	place = open(*source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return (place >= 0 && kernel_attach(copy, place) == 0) ||
	       error_sys(err, "share %s", self->container->mounts[number].source);
}

static bool find_source(const struct preparation *self, size_t number, const char **source,
			struct error *err)
{
	const struct container_mount *mount = &self->container->mounts[number];
	bool is_empty = false;

	*source = mount->source;
	if (self->copies[number] >= 0)
		return use_copy(self, number, source, err);
	if (mount->kind == MOUNT_IMAGE)
		return imagemount_make(self->engine, self->arena, self->container, number, source,
				       err) &&
		       (!*mount->subpath || use_subpath(self, number, source, err));
	if (mount->kind != MOUNT_VOLUME)
		return true;
	if (!volume_use(self->engine, self->arena, mount->source, source, &is_empty, err))
		return false;
	if (mount->subpath && *mount->subpath)
		return use_subpath(self, number, source, err);
	if (!is_empty || !mount->is_copied_up)
		return true;
	bool goes_too = mount->is_anonymous && self->container->is_removed_on_exit;

	return volume_copy_up(self->root, mount->target, *source,
			      goes_too ? FILE_VOLATILE : FILE_DURABLE, err);
}

static bool find_sources(struct preparation *self, struct error *err)
{
	const struct container *container = self->container;

	self->sources = arena_array(self->arena, container->mount_count + 1, sizeof(char *));
	for (size_t i = 0; i < container->mount_count; i++) {
		if (!find_source(self, i, &self->sources[i], err))
			return false;
	}
	return true;
}

/* What programs look for in a docker container: a file by which many tell that they are in one, and
 * the mounts where they were kept of old. What the image has there stays. Mostly both are there:
 * see image/footing.h. */
static bool make_marks(int root, int etc, struct error *err)
{
	autoclose int mark = openat(root, ".dockerenv",
				    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);

	if (mark < 0 && errno != EEXIST)
		return error_sys(err, "make /.dockerenv");
	return symlinkat("/proc/mounts", etc, "mtab") == 0 || errno == EEXIST ||
	       error_sys(err, "make /etc/mtab");
}

/* As with docker: where the image has a link in the place of one of our files (often into /run,
 * where nothing is yet), the link goes, and the runtime makes a file to mount on. */
static bool clear_places(const struct preparation *self, struct error *err)
{
	static const char *const names[] = { "resolv.conf", "hostname", "hosts" };
	autoclose int etc = -1;
	struct stat status;

	if (!path_open(self->root, "/etc", PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0, &etc, err) &&
	    !path_make_dirs(self->root, "/etc", 0755, &etc, err))
		return true; /* no directory: the runtime says what is wrong */
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (fstatat(etc, names[i], &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISLNK(status.st_mode) && unlinkat(etc, names[i], 0) < 0)
			return error_sys(err, "remove the image's link /etc/%s", names[i]);
	}
	return make_marks(self->root, etc, err);
}

static bool write_host_files(const struct preparation *self, struct error *err)
{
	const struct endpoints *endpoints = &self->attachment.endpoints;

	if (self->shared_network >= 0) /* the other one's are mounted: see bundle.c */
		return true;
	return (!self->has_own_network || endpoints_write(endpoints, self->dir, err)) &&
	       hostfiles_write(self->engine, self->container, self->dir, endpoints, err);
}

/* With --network container:ID they are that one's: the name of the machine goes with its network.
 */
static const char *host_files_of(const struct preparation *self)
{
	const char *network = self->container->network;

	return self->shared_network < 0
		       ? self->path
		       : arena_printf(self->arena, "%s/containers/%s", self->engine->root,
				      network + strlen(NETWORK_CONTAINER));
}

static bool write_config(const struct preparation *self, struct error *err)
{
	const struct container *container = self->container;
	autobuf struct buf text;
	struct bundle bundle = { .container = container,
				 .directory = self->path,
				 .host_files = host_files_of(self),
				 .sources = self->sources,
				 .link_env = self->link_env,
				 .is_rootless = userns_is_inside(),
				 .has_no_groups = userns_lacks_groups() };

	buf_init(&text, CONFIG_MAX);
	if (!user_find(self->root, self->arena, container->user, &container->groups, &bundle.user,
		       err) ||
	    !confine_read(self->arena, container, &bundle.confinement, err) ||
	    !joint_make(self->engine, self->arena, container, self->path, &bundle.joint, err) ||
	    !bundle_write(&bundle, self->arena, &text, err))
		return false;
	autoclose int file = openat(self->dir, CONTAINER_CONFIG,
				    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return error_sys(err, "make config.json");
	return file_write(file, CONTAINER_CONFIG, text.data, text.length, err);
}

/* docker events: after all that can be refused. */
static void tell(const struct preparation *self)
{
	const struct container *container = self->container;
	struct network network;
	struct error ignored;

	for (size_t i = 0; i < container->network_count; i++) {
		if (network_find(self->engine, self->arena, container->networks[i].name, &network,
				 &ignored))
			happening_network(self->engine, &network, "connect", container->id);
	}
	if (!container->network_count &&
	    strncmp(container->network, NETWORK_CONTAINER, strlen(NETWORK_CONTAINER)) != 0 &&
	    network_find(self->engine, self->arena, container->network, &network, &ignored))
		happening_network(self->engine, &network, "connect", container->id);
	for (size_t i = 0; i < container->mount_count; i++) {
		if (container->mounts[i].kind == MOUNT_VOLUME)
			happening_mount(self->engine, &container->mounts[i], container->id);
	}
}

void prepared_init(struct prepared *prepared)
{
	*prepared = (struct prepared){ .host_network = -1, .host_mounts = -1, .guard = -1 };
}

bool prepare_bundle(struct engine *engine, const struct container *container, int dir, int parent,
		    struct prepared *prepared, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct preparation self = { .engine = engine,
				    .container = container,
				    .arena = &arena,
				    .dir = dir,
				    .parent = parent,
				    .root = -1,
				    .prepared = prepared,
				    .shared_network = -1 };

	attachment_init(&self.attachment, engine, container, &arena, prepared->warning);
	self.path = arena_printf(&arena, "%s/containers/%s", engine->root, container->id);
	bool is_done = lease_networks(&self, err) && mount_volumes(&self, err) &&
		       enter_namespaces(&self, err) && mount_root(&self, err) &&
		       make_workdir(&self, err) && clear_places(&self, err) &&
		       find_sources(&self, err) && write_host_files(&self, err) &&
		       write_config(&self, err) && set_up_network(&self, err);
	mem_cleanup_close(&self.root);
	mem_cleanup_close(&self.shared_network);
	texts_done(&self.link_env);
	if (is_done) {
		prepared->guard = take_fd(&self.attachment.bag.fd);
		tell(&self);
	}
	attachment_close(&self.attachment);
	return is_done;
}

bool prepare_undo(const struct engine *engine, const struct container *container, struct error *err)
{
	door_remove(engine, container->id);
	bool is_released = attachment_release(engine, container, err);

	return hostns_return_mounts(err) && volume_unmount_all(engine, container, err) &&
	       is_released;
}
