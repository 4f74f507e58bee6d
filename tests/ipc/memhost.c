/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ipc/memhost.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jsonout.h"

#define UUID "6f6d3f5c-0000-4000-8000-00000000000%zu"

printf_like(2, 3) static void note(struct memhost *host, const char *format, ...)
{
	va_list args;
	char line[1024];

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buf_printf(&host->calls, "%s\n", line);
	if (host->on_call)
		host->on_call(host, line);
}

static const char *thing_name(void *context)
{
	(void)context;
	return "gateway-7";
}

static const char *interpolate(void *context, const char *component, const char *text,
			       struct arena *arena)
{
	(void)context;
	if (strcmp(text, "{work:path}") == 0)
		return arena_printf(arena, "/work/%s", component);
	return text;
}

/* -- configuration ------------------------------------------------------------------------------
 */

static struct confignode *find(struct memhost *host, const char *component, const char *const *path,
			       size_t count)
{
	const char *keys[80] = { component };

	if (count > 70)
		return NULL;
	for (size_t i = 0; i < count; i++)
		keys[i + 1] = path[i];
	return configtree_find(&host->tree.root, keys);
}

static bool configuration_get(void *context, const char *component, const char *const *path,
			      size_t count, struct arena *arena, const struct json **value,
			      struct error *err)
{
	struct memhost *host = context;
	const struct confignode *node = find(host, component, path, count);

	if (!node)
		return error_set(err, ERROR_NOT_FOUND, "Key not found");
	return configtree_read(arena, node, "value", value, err);
}

/* Tells the server of each leaf, with its path below the component. */
static void on_change(void *context, const struct confignode *node, bool is_gone, bool is_same)
{
	struct memhost *host = context;
	const char *keys[80];
	size_t count = 0;

	(void)is_gone;
	if (is_same || !host->server)
		return;
	for (const struct confignode *at = node; at->parent; at = at->parent)
		keys[count++] = at->key;
	for (size_t i = 0; i < count / 2; i++) {
		const char *other = keys[i];

		keys[i] = keys[count - 1 - i];
		keys[count - 1 - i] = other;
	}
	if (count)
		ipc_configuration_changed(host->server, keys[0], keys + 1, count - 1);
}

static int64_t now(void)
{
	struct timespec moment;

	clock_gettime(CLOCK_REALTIME, &moment);
	return (int64_t)moment.tv_sec * 1000 + moment.tv_nsec / 1000000;
}

static bool configuration_update(void *context, const char *component, const char *const *path,
				 size_t count, const struct json *value, int64_t timestamp,
				 struct error *err)
{
	struct memhost *host = context;
	struct configtree_merge merge = { .time = timestamp ? timestamp : now() };
	struct confignode *root = find(host, component, NULL, 0);
	const char *keys[80] = { NULL };

	if (!root)
		return error_set(err, ERROR_NOT_FOUND, "no component %s", component);
	for (size_t i = 0; i < count; i++)
		keys[i] = path[i];
	keys[count] = NULL;
	if (!configtree_merge(&host->tree, root, keys, value, &merge, err))
		return false;
	if (merge.older)
		return error_set(err, ERROR_EXISTS, "a newer value is there");
	return true;
}

/* -- components ---------------------------------------------------------------------------------
 */

static struct ipc_component *component_of(struct memhost *host, const char *name)
{
	for (size_t i = 0; i < host->count; i++)
		if (strcmp(host->components[i].name, name) == 0)
			return &host->components[i];
	return NULL;
}

static bool component_list(void *context, struct arena *arena, struct ipc_component **list,
			   size_t *count, struct error *err)
{
	struct memhost *host = context;

	(void)arena;
	(void)err;
	*list = host->components;
	*count = host->count;
	return true;
}

static bool component_find(void *context, const char *name, struct arena *arena,
			   struct ipc_component *found, struct error *err)
{
	const struct ipc_component *component = component_of(context, name);

	(void)arena;
	if (!component)
		return error_set(err, ERROR_NOT_FOUND, "no component %s", name);
	*found = *component;
	return true;
}

static bool component_report(void *context, const char *name, enum ipc_state state,
			     struct error *err)
{
	struct ipc_component *component = component_of(context, name);

	if (!component)
		return error_set(err, ERROR_NOT_FOUND, "no component %s", name);
	component->state = state;
	note(context, "report %s %s", name, state == IPC_STATE_RUNNING ? "RUNNING" : "ERRORED");
	return true;
}

static bool component_act(void *context, const char *name, enum ipc_action action,
			  struct error *err)
{
	static const char *const words[] = { "restart", "stop", "pause", "resume" };
	struct ipc_component *component = component_of(context, name);

	if (!component)
		return error_set(err, ERROR_NOT_FOUND, "no component %s", name);
	if (action == IPC_ACTION_RESUME && component->state == IPC_STATE_FINISHED)
		return error_set(err, ERROR_UNSUPPORTED, "%s is not paused", name);
	if (action == IPC_ACTION_STOP)
		component->state = IPC_STATE_FINISHED;
	note(context, "%s %s", words[action], name);
	return true;
}

static bool defer_update(void *context, const char *component, const char *deployment,
			 int64_t milliseconds, const char *message, struct error *err)
{
	if (strcmp(deployment, "late") == 0)
		return error_set(err, ERROR_UNSUPPORTED, "it is too late to defer");
	note(context, "defer %s %s %lld %s", component, deployment, (long long)milliseconds,
	     message ? message : "-");
	return true;
}

static bool validity_report(void *context, const char *component, const char *deployment,
			    bool is_accepted, const char *message, struct error *err)
{
	if (strcmp(deployment, "unknown") == 0)
		return error_set(err, ERROR_INPUT, "no deployment %s waits", deployment);
	note(context, "validity %s %s %s %s", component, deployment,
	     is_accepted ? "ACCEPTED" : "REJECTED", message ? message : "-");
	return true;
}

/* -- deployments --------------------------------------------------------------------------------
 */

static void note_change(struct memhost *host, const struct ipc_change *change)
{
	autobuf struct buf line;
	struct jsonout out;

	buf_init(&line, 1000);
	buf_printf(&line, "change %s version=%s user=%s memory=%lld cpus=%s", change->name,
		   change->version ? change->version : "-",
		   change->posix_user ? change->posix_user : "-",
		   (long long)change->memory_kilobyte, change->cpus ? change->cpus : "-");
	for (size_t i = 0; i < change->reset_count; i++)
		buf_printf(&line, " reset=%s", change->reset[i]);
	if (change->merge) {
		buf_add_text(&line, " merge=");
		jsonout_init(&out, &line, false);
		jsonout_json(&out, NULL, change->merge);
		jsonout_done(&out);
	}
	note(host, "%s", line.data);
}

static bool deployment_create(void *context, const struct ipc_deployment_request *request,
			      struct arena *arena, const char **id, struct error *err)
{
	struct memhost *host = context;
	struct ipc_deployment *made = &host->deployments[host->deployment_count];

	if (host->deployment_count == COUNT_OF(host->deployments))
		return error_set(err, ERROR_NO_SPACE, "too many deployments");
	note(host, "deploy group=%s recipes=%s artifacts=%s %s",
	     request->group ? request->group : "-",
	     request->recipe_directory ? request->recipe_directory : "-",
	     request->artifact_directory ? request->artifact_directory : "-",
	     request->does_rollback ? "ROLLBACK" : "DO_NOTHING");
	for (size_t i = 0; i < request->change_count; i++)
		note_change(host, &request->changes[i]);
	for (size_t i = 0; i < request->remove_count; i++)
		note(host, "remove %s", request->remove[i]);
	*made = (struct ipc_deployment){
		.id = arena_printf(&host->arena, UUID, ++host->deployment_count),
		.status = IPC_DEPLOYMENT_QUEUED,
		.created = INT64_C(1700000000000),
	};
	*id = arena_strdup(arena, made->id);
	return true;
}

static bool deployment_list(void *context, struct arena *arena, struct ipc_deployment **list,
			    size_t *count, struct error *err)
{
	struct memhost *host = context;

	(void)arena;
	(void)err;
	*list = host->deployments;
	*count = host->deployment_count;
	return true;
}

static bool deployment_find(void *context, const char *id, struct arena *arena,
			    struct ipc_deployment *found, struct error *err)
{
	static const char *const stack[] = { "DEPLOYMENT_FAILURE", "NO_AVAILABLE_VERSION" };
	static const char *const types[] = { "REQUEST_ERROR" };
	struct memhost *host = context;

	(void)arena;
	for (size_t i = 0; i < host->deployment_count; i++) {
		if (strcmp(host->deployments[i].id, id) != 0)
			continue;
		*found = host->deployments[i];
		if (found->status == IPC_DEPLOYMENT_CANCELED) {
			found->detail = "REJECTED";
			found->error_stack = stack;
			found->error_stack_count = COUNT_OF(stack);
			found->error_types = types;
			found->error_type_count = COUNT_OF(types);
			found->failure = "it was cancelled";
		}
		return true;
	}
	return error_set(err, ERROR_NOT_FOUND, "no deployment %s", id);
}

static bool deployment_cancel(void *context, const char *id, struct error *err)
{
	struct memhost *host = context;

	for (size_t i = 0; i < host->deployment_count; i++) {
		if (strcmp(host->deployments[i].id, id) != 0)
			continue;
		if (host->deployments[i].status == IPC_DEPLOYMENT_CANCELED)
			return error_set(err, ERROR_INPUT, "deployment %s is over", id);
		host->deployments[i].status = IPC_DEPLOYMENT_CANCELED;
		return true;
	}
	return error_set(err, ERROR_NOT_FOUND, "no deployment %s", id);
}

/* -- life ---------------------------------------------------------------------------------------
 */

void memhost_init(struct memhost *host)
{
	*host = (struct memhost){
		.host = { .context = host,
			  .thing_name = thing_name,
			  .interpolate = interpolate,
			  .configuration_get = configuration_get,
			  .configuration_update = configuration_update,
			  .component_list = component_list,
			  .component_find = component_find,
			  .component_report = component_report,
			  .component_act = component_act,
			  .defer_update = defer_update,
			  .validity_report = validity_report,
			  .deployment_create = deployment_create,
			  .deployment_list = deployment_list,
			  .deployment_find = deployment_find,
			  .deployment_cancel = deployment_cancel },
	};
	configtree_init(&host->tree);
	host->tree.watcher = (struct configtree_watcher){ on_change, host };
	buf_init(&host->calls, 1 << 20);
}

void memhost_done(struct memhost *host)
{
	host->tree.watcher.on_change = NULL;
	configtree_done(&host->tree);
	buf_done(&host->calls);
	arena_done(&host->arena);
}

static bool set(struct memhost *host, const char *name, const char *configuration, bool is_new)
{
	autoarena struct arena arena = { 0 };
	const char *const path[] = { name, NULL };
	struct configtree_merge merge = { .time = is_new ? CONFIGTREE_DEFAULT_TIME : now(),
					  .is_forced = true };
	const struct json *root;
	struct error err;

	return json_parse(&arena, name, configuration, strlen(configuration), &root, &err) &&
	       configtree_merge(&host->tree, &host->tree.root, path, root, &merge, &err);
}

bool memhost_add(struct memhost *host, const char *name, const char *configuration)
{
	if (host->count == MEMHOST_COMPONENTS_MAX || !set(host, name, configuration, true))
		return false;
	host->components[host->count++] = (struct ipc_component){
		.name = arena_strdup(&host->arena, name),
		.version = "1.0.0",
		.state = IPC_STATE_RUNNING,
	};
	return true;
}

bool memhost_merge(struct memhost *host, const char *name, const char *configuration)
{
	return set(host, name, configuration, false);
}
