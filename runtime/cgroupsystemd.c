/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroupsystemd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/dbus.h"
#include "runtime/rootless.h"
#include "runtime/unitprop.h"

#define MANAGER        "org.freedesktop.systemd1.Manager"
#define NAME_MAX_BYTES 255 /* of a unit's name */
#define SELF_MAX       65536
#define BODY_MAX       (128 << 10) /* bytes of a call's arguments */

#define SYSTEM_BUS     "/run/dbus/system_bus_socket"
#define SYSTEM_PRIVATE "/run/systemd/private"

/* -- names ----------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), part = strlen(end);

	return length > part && strcmp(text + length - part, end) == 0;
}

static bool check_name(const char *name, struct error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789:-_.\\@";

	if (name[strspn(name, allowed)] == '\0' && strlen(name) <= NAME_MAX_BYTES)
		return true;
	return error_set(err, ERROR_INPUT,
			 "linux.cgroupsPath: \"%.300s\" is not a unit's name: letters, digits and "
			 ":-_.\\@ only, %d at most",
			 name, NAME_MAX_BYTES);
}

bool cgroupsystemd_expand(const char *slice, char **path, struct error *err)
{
	autobuf struct buf text = { 0 };
	size_t length = strlen(slice), stem = length - strlen(".slice");

	if (!check_name(slice, err))
		return false;
	if (!ends_with(slice, ".slice") || (slice[0] == '-' && stem > 1) ||
	    slice[stem - 1] == '-' || strstr(slice, "--")) {
		if (strcmp(slice, "-.slice") != 0)
			return error_set(err, ERROR_INPUT, "invalid slice name: %s", slice);
		*path = mem_strdup("/");
		return true;
	}
	buf_init(&text, NAME_MAX_BYTES * NAME_MAX_BYTES);
	for (size_t i = 1; i <= stem; i++)
		if (i == stem || slice[i] == '-')
			buf_printf(&text, "/%.*s.slice", (int)i, slice);
	*path = buf_take(&text);
	return true;
}

/* A container that is a machine of its own has its systemd on the usual socket, and no session. */
static bool needs_user_manager(void)
{
	bool has_session = getenv("DBUS_SESSION_BUS_ADDRESS") || getenv("XDG_RUNTIME_DIR");

	return geteuid() != 0 || (has_session && rootless_is_caller());
}

static bool split_path(struct cgroup_unit *unit, const struct cgroup_wish *wish, struct error *err)
{
	bool is_default = !wish->path || !wish->path[0];
	autofree char *copy = mem_strdup(is_default ? "" : wish->path);
	char *rest = copy;
	const char *slice = strsep(&rest, ":"), *prefix = strsep(&rest, ":"), *name = rest;

	if (is_default) {
		prefix = "runc";
		name = wish->id;
	} else if (!name || strchr(name, ':')) {
		return error_set(err, ERROR_INPUT,
				 "expected cgroupsPath to be of format \"slice:prefix:name\" for "
				 "systemd cgroups, got \"%.300s\" instead",
				 wish->path);
	}
	if (!slice[0])
		slice = unit->is_user ? "user.slice" : "system.slice";
	unit->slice = mem_strdup(slice);
	unit->title = mem_strdup(name);
	unit->name = ends_with(name, ".slice") ? mem_strdup(name)
					       : mem_printf("%s-%s.scope", prefix, name);
	return check_name(unit->name, err);
}

/* -- talking to systemd --------------------------------------------------------------------------
 */

struct manager {
	struct dbus bus;
	unsigned int version;
};

#define automanager __attribute__((cleanup(manager_close)))
#define MANAGER_NONE                                                                               \
	{                                                                                          \
		.bus = {.fd = -1 }                                                                 \
	} /* declared empty, as manager_close takes it */

static void manager_close(struct manager *manager)
{
	dbus_close(&manager->bus);
}

static bool open_at(struct manager *manager, const char *socket, bool is_direct, struct error *err)
{
	autofree char *address = dbus_address(socket);

	manager->bus.is_direct = is_direct;
	return dbus_open(&manager->bus, address, err);
}

/* Root talks to systemd without the bus, as systemctl does: one process less to wait for. */
static bool open_system(struct manager *manager, struct error *err)
{
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	struct error ignored;

	if (address && address[0])
		return dbus_open(&manager->bus, address, err);
	if (geteuid() == 0 && open_at(manager, SYSTEM_PRIVATE, true, &ignored))
		return true;
	return open_at(manager, SYSTEM_BUS, false, err);
}

static bool open_user(struct manager *manager, struct error *err)
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	const char *directory = getenv("XDG_RUNTIME_DIR");
	struct error ignored;

	if (address && address[0] && dbus_open(&manager->bus, address, err))
		return true;
	if (!directory || !directory[0])
		return (address && address[0]) ||
		       error_set(err, ERROR_NOT_FOUND,
				 "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set");

	autofree char *private = mem_printf("%s/systemd/private", directory);
	autofree char *bus = mem_printf("%s/bus", directory);

	return open_at(manager, private, true, &ignored) || open_at(manager, bus, false, err);
}

static bool call(struct manager *manager, const char *member, const char *signature,
		 const struct buf *body, struct dbus_message *answer, struct error *err)
{
	const struct dbus_call call = { .destination = "org.freedesktop.systemd1",
					.path = "/org/freedesktop/systemd1",
					.interface = MANAGER,
					.member = member,
					.signature = signature,
					.body = body };

	return dbus_call(&manager->bus, &call, answer, err);
}

/* A text of systemd's own. The caller frees it. */
static bool get_property(struct manager *manager, const char *name, char **value, struct error *err)
{
	struct dbus_call call = { .destination = "org.freedesktop.systemd1",
				  .path = "/org/freedesktop/systemd1",
				  .interface = "org.freedesktop.DBus.Properties",
				  .member = "Get",
				  .signature = "ss" };
	autobuf struct buf body = { 0 };
	struct dbus_message answer;
	const char *type, *text;

	buf_init(&body, BODY_MAX);
	dbus_put_text(&body, MANAGER);
	dbus_put_text(&body, name);
	call.body = &body;
	if (!dbus_call(&manager->bus, &call, &answer, err))
		return false;
	if (strcmp(answer.signature, "v") != 0 || !dbus_get_signature(&answer.body, &type, err) ||
	    strcmp(type, "s") != 0 || !dbus_get_text(&answer.body, &text, err))
		return error_set(err, ERROR_CORRUPT, "systemd's %s is not a text", name);
	*value = mem_strdup(text);
	return true;
}

/* "252.36-1~deb12u1", "v245". */
static bool read_version(struct manager *manager, struct error *err)
{
	autofree char *text = NULL;

	if (!get_property(manager, "Version", &text, err))
		return false;
	manager->version = (unsigned int)strtoul(text + strcspn(text, "0123456789"), NULL, 10);
	return true;
}

static bool manager_open(struct manager *manager, bool is_user, struct error *err)
{
	struct stat info;

	dbus_init(&manager->bus);
	if (!is_user && lstat("/run/systemd/system", &info) < 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "systemd is not running on this host, cannot use the systemd "
				 "cgroup driver: leave --systemd-cgroup out");
	if (is_user ? open_user(manager, err) : open_system(manager, err))
		return read_version(manager, err);
	return error_in(err, is_user ? "cannot reach the user's systemd (it needs a login session, "
				       "and on Debian the package dbus-user-session)"
				     : "cannot reach systemd");
}

/* -- jobs ------------------------------------------------------------------------------------ */

/* Who answered the call, and which job it began: what is needed to know its end. */
struct job {
	char path[128], sender[128];
};

static void listen_to_jobs(struct manager *manager)
{
	static const char rule[] = "type='signal',sender='org.freedesktop.systemd1',"
				   "interface='" MANAGER "',member='JobRemoved'";
	struct dbus_call match = { .destination = "org.freedesktop.DBus",
				   .path = "/org/freedesktop/DBus",
				   .interface = "org.freedesktop.DBus",
				   .member = "AddMatch",
				   .signature = "s" };
	autobuf struct buf body = { 0 };
	struct error ignored;

	if (manager->bus.is_direct)
		return;
	buf_init(&body, BODY_MAX);
	dbus_put_text(&body, rule);
	match.body = &body;
	(void)!dbus_tell(&manager->bus, &match, &ignored); /* a broken bus shows in the next call */
}

static bool read_job(const struct dbus_message *answer, struct job *job, struct error *err)
{
	struct dbus_reader body = answer->body;
	const char *path, *sender = answer->sender ? answer->sender : "";

	if (strcmp(answer->signature, "o") != 0 || !dbus_get_text(&body, &path, err) ||
	    strlen(path) >= sizeof(job->path) || strlen(sender) >= sizeof(job->sender))
		return error_set(err, ERROR_CORRUPT, "systemd's answer is not a job");
	strcpy(job->path, path);
	strcpy(job->sender, sender);
	return true;
}

/* Anybody on a bus can send such a signal: it counts from whom the answer came. */
static bool is_end_of(const struct job *job, const struct dbus_message *message,
		      const char **result)
{
	struct dbus_reader body = message->body;
	const char *path, *unit;
	struct error ignored;
	uint32_t number;

	return message->type == DBUS_SIGNAL && strcmp(message->interface, MANAGER) == 0 &&
	       strcmp(message->member, "JobRemoved") == 0 &&
	       strcmp(message->sender ? message->sender : "", job->sender) == 0 &&
	       strcmp(message->signature, "uoss") == 0 && dbus_get_u32(&body, &number, &ignored) &&
	       dbus_get_text(&body, &path, &ignored) && strcmp(path, job->path) == 0 &&
	       dbus_get_text(&body, &unit, &ignored) && dbus_get_text(&body, result, &ignored);
}

/* *result lasts until the bus is used again. */
static bool await_job(struct manager *manager, const struct job *job, const char **result,
		      struct error *err)
{
	int64_t deadline = dbus_deadline();
	struct dbus_message message;

	do {
		if (!dbus_next(&manager->bus, deadline, &message, err))
			return error_in(err, "wait for systemd's job");
	} while (!is_end_of(job, &message, result));
	return true;
}

static void forget_failure(struct manager *manager, const char *name)
{
	autobuf struct buf body = { 0 };
	struct dbus_message answer;
	struct error ignored;

	buf_init(&body, BODY_MAX);
	dbus_put_text(&body, name);
	(void)!call(manager, "ResetFailedUnit", "s", &body, &answer, &ignored);
}

/* -- start ----------------------------------------------------------------------------------- */

static bool is_slice(const struct cgroup_unit *unit)
{
	return ends_with(unit->name, ".slice");
}

/* An array of one. */
static void put_list(struct buf *out, const char *name, const char *type, const char *text,
		     uint32_t number)
{
	struct dbus_array array;

	dbus_align(out, 8);
	dbus_put_text(out, name);
	dbus_put_signature(out, type);
	array = dbus_array_begin(out, 4);
	if (text)
		dbus_put_text(out, text);
	else
		dbus_put_u32(out, number);
	dbus_array_end(out, array);
}

/* A slice holds units, not processes: we go into its group by ourselves. */
static void put_basics(struct buf *out, const struct cgroup *cgroup, pid_t init)
{
	const struct cgroup_unit *unit = &cgroup->unit;
	autofree char *description = mem_printf("libcontainer container %s", unit->title);

	unitprop_put_text(out, "Description", description);
	if (is_slice(unit)) {
		put_list(out, "Wants", "as", unit->slice, 0);
	} else {
		unitprop_put_text(out, "Slice", unit->slice);
		unitprop_put_bool(out, "Delegate", true);
		put_list(out, "PIDs", "au", NULL, (uint32_t)init);
	}
	unitprop_put_bool(out, "DefaultDependencies", false);
	unitprop_put_bool(out, "MemoryAccounting", true);
	unitprop_put_bool(out, "CPUAccounting", true);
	unitprop_put_bool(out, cgroup->is_unified ? "IOAccounting" : "BlockIOAccounting", true);
	unitprop_put_bool(out, "TasksAccounting", true);
}

static bool build_start(struct buf *out, const struct cgroup *cgroup, const struct spec *spec,
			const struct manager *manager, pid_t init, struct error *err)
{
	const struct unitprop_wish wish = { .resources = &spec->resources,
					    .version = manager->version,
					    .is_unified = cgroup->is_unified,
					    .is_new = true };
	struct dbus_array array;

	dbus_put_text(out, cgroup->unit.name);
	dbus_put_text(out, "replace");
	array = dbus_array_begin(out, 8);
	put_basics(out, cgroup, init);
	if (!unitprop_put_resources(out, &wish, err) ||
	    !unitprop_put_annotations(out, spec->annotations, err))
		return false;
	dbus_array_end(out, array);
	array = dbus_array_begin(out, 8); /* no units beside it */
	dbus_array_end(out, array);
	return buf_check(out, "the unit's properties", err);
}

/* A failed unit of the same name, from an earlier container, is still remembered. */
static bool start_unit(struct manager *manager, struct cgroup_unit *unit, const struct buf *body,
		       struct error *err)
{
	static const char signature[] = "ssa(sv)a(sa(sv))";
	struct dbus_message answer;
	const char *result;
	struct job job;

	listen_to_jobs(manager);
	if (!call(manager, "StartTransientUnit", signature, body, &answer, err)) {
		if (err->kind != ERROR_EXISTS)
			return false;
		forget_failure(manager, unit->name);
		if (!call(manager, "StartTransientUnit", signature, body, &answer, err))
			return false;
	}
	unit->is_started = true;
	if (!read_job(&answer, &job, err) || !await_job(manager, &job, &result, err))
		return false;
	if (strcmp(result, "done") == 0)
		return true;
	error_set(err, ERROR_SYSTEM, "its job ended as \"%.40s\"", result);
	forget_failure(manager, unit->name);
	return false;
}

bool cgroupsystemd_has_moved(const struct cgroup_unit *unit)
{
	return unit->is_started && !is_slice(unit);
}

/* Limits written to another group than init's would bind nobody. */
static bool check_group(const struct cgroup *cgroup, pid_t init, struct error *err)
{
	const struct cgroup_place *place = cgroup_place(cgroup, "name=systemd");
	autofree char *name = mem_printf("/proc/%d/cgroup", init);
	autofree char *line = NULL;
	autobuf struct buf text = { 0 };

	if (!place || is_slice(&cgroup->unit))
		return true;
	buf_init(&text, SELF_MAX);
	if (!file_read(AT_FDCWD, name, &text, err))
		return false;
	line = mem_printf(":%s:%s\n", place->controllers, place->path + place->top);
	return (text.length > 0 && strstr(text.data, line)) ||
	       error_set(err, ERROR_SYSTEM,
			 "systemd has put it elsewhere than into %s: is this systemd that of "
			 "another container?",
			 place->path);
}

bool cgroupsystemd_start(struct cgroup *cgroup, const struct spec *spec, pid_t init,
			 struct error *err)
{
	automanager struct manager manager = MANAGER_NONE;
	autobuf struct buf body = { 0 };
	struct cgroup_unit *unit = &cgroup->unit;

	if (!unit->name)
		return true;
	buf_init(&body, BODY_MAX);
	if (manager_open(&manager, unit->is_user, err) &&
	    build_start(&body, cgroup, spec, &manager, init, err) &&
	    start_unit(&manager, unit, &body, err) && check_group(cgroup, init, err))
		return true;
	return error_in(err, "unable to apply cgroup configuration: unable to start unit \"%s\"",
			unit->name);
}

/* -- update ---------------------------------------------------------------------------------- */

static bool set_properties(const struct cgroup *cgroup, const struct spec_resources *resources,
			   struct error *err)
{
	automanager struct manager manager = MANAGER_NONE;
	autobuf struct buf body = { 0 };
	struct unitprop_wish wish = { .resources = resources, .is_unified = cgroup->is_unified };
	struct dbus_message answer;
	struct dbus_array array;

	if (!manager_open(&manager, cgroup->unit.is_user, err))
		return false;
	wish.version = manager.version;
	buf_init(&body, BODY_MAX);
	dbus_put_text(&body, cgroup->unit.name);
	dbus_put_bool(&body, true); /* at run time, not in a file */
	array = dbus_array_begin(&body, 8);
	if (!unitprop_put_resources(&body, &wish, err))
		return false;
	dbus_array_end(&body, array);
	return buf_check(&body, "the unit's properties", err) &&
	       call(&manager, "SetUnitProperties", "sba(sv)", &body, &answer, err);
}

/* On v1 systemd writes the device rules anew with each change, first of all that nothing is
 * allowed: nobody may run meanwhile. */
bool cgroupsystemd_update(const struct cgroup *cgroup, const struct spec_resources *resources,
			  struct error *err)
{
	bool freezes = !cgroup->is_unified && !cgroup_is_frozen(cgroup);
	struct error failure;
	bool is_good;

	if (!cgroup->unit.name)
		return true;
	if (freezes && !cgroup_freeze(cgroup, err))
		return false;
	is_good = set_properties(cgroup, resources, err);
	if (freezes && !cgroup_thaw(cgroup, &failure) && is_good) {
		*err = failure;
		return false;
	}
	return is_good || error_in(err, "unable to set unit properties");
}

/* -- stop ------------------------------------------------------------------------------------ */

static bool stop_unit(struct manager *manager, const struct cgroup_unit *unit, struct error *err)
{
	autobuf struct buf body = { 0 };
	struct dbus_message answer;
	const char *result;
	struct job job;

	buf_init(&body, BODY_MAX);
	dbus_put_text(&body, unit->name);
	dbus_put_text(&body, "replace");
	listen_to_jobs(manager);
	if (!call(manager, "StopUnit", "ss", &body, &answer, err))
		return err->kind == ERROR_NOT_FOUND;
	if (!read_job(&answer, &job, err) || !await_job(manager, &job, &result, err))
		return false;
	forget_failure(manager, unit->name);
	return true;
}

bool cgroupsystemd_stop(const struct cgroup_unit *unit, struct error *err)
{
	automanager struct manager manager = MANAGER_NONE;

	if (!unit->name || !unit->is_started)
		return true;
	return (manager_open(&manager, unit->is_user, err) && stop_unit(&manager, unit, err)) ||
	       error_in(err, "stop unit \"%s\"", unit->name);
}

/* -------------------------------------------------------------------------------------------- */

/* Where in the tree the user's systemd lives: "/user.slice/user-1000.slice/user@1000.service". */
static bool user_top(char **top, struct error *err)
{
	automanager struct manager manager = MANAGER_NONE;

	return manager_open(&manager, true, err) &&
	       get_property(&manager, "ControlGroup", top, err);
}

bool cgroupsystemd_name(struct cgroup_unit *unit, const struct cgroup_wish *wish, char **path,
			struct error *err)
{
	autofree char *above = NULL;
	autofree char *top = NULL;

	unit->is_user = needs_user_manager();
	if (!split_path(unit, wish, err) || !cgroupsystemd_expand(unit->slice, &above, err) ||
	    (unit->is_user && !user_top(&top, err)))
		return false;
	if (is_slice(unit)) {
		free(above);
		above = NULL;
		if (!cgroupsystemd_expand(unit->name, &above, err))
			return false;
	}
	*path = mem_printf("%s%s%s%s", top ? top : "", above, is_slice(unit) ? "" : "/",
			   is_slice(unit) ? "" : unit->name);
	return true;
}
