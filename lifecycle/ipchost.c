/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipchost.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "base/path.h"
#include "lifecycle/interpolate.h"
#include "lifecycle/ipc/server.h"
#include "lifecycle/nucleus.h"
#include "lifecycle/validation.h"

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define PATH_KEYS_MAX   CONFIGTREE_DEPTH_MAX

/* -- configuration ------------------------------------------------------------------------------
 */

static const struct confignode *service_of(const struct nucleus *nucleus, const char *component)
{
	return configtree_child(configtree_child(&nucleus->config.tree.root, "services"),
				component);
}

static bool not_deployed(const char *component, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "component %s is not deployed", component);
}

/* services, component, configuration, then the keys. */
static bool make_path(const char **path, const char *component, const char *const *keys,
		      size_t count, struct error *err)
{
	if (count + 4 > PATH_KEYS_MAX)
		return error_set(err, ERROR_INPUT, "the key path is longer than %d", PATH_KEYS_MAX);
	path[0] = "services";
	path[1] = component;
	path[2] = "configuration";
	for (size_t i = 0; i < count; i++)
		path[3 + i] = keys[i];
	path[3 + count] = NULL;
	return true;
}

static bool configuration_get(void *context, const char *component, const char *const *keys,
			      size_t count, struct arena *arena, const struct json **value,
			      struct error *err)
{
	struct nucleus *nucleus = context;
	const char *path[PATH_KEYS_MAX];
	const struct confignode *node;

	if (!service_of(nucleus, component))
		return not_deployed(component, err);
	if (!make_path(path, component, keys, count, err))
		return false;
	node = configtree_find(&nucleus->config.tree.root, path);
	if (node)
		return configtree_read(arena, node, node->key, value, err);
	if (count > 0)
		return error_set(err, ERROR_NOT_FOUND, "Key not found");
	*value = json_new(arena, NULL, "configuration", JSON_OBJECT, NULL);
	return true;
}

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool configuration_update(void *context, const char *component, const char *const *keys,
				 size_t count, const struct json *value, int64_t timestamp,
				 struct error *err)
{
	struct nucleus *nucleus = context;
	struct configtree *tree = &nucleus->config.tree;
	struct configtree_merge merge = { .time = timestamp > 0 ? timestamp : milliseconds_now() };
	const char *path[PATH_KEYS_MAX];

	if (!service_of(nucleus, component))
		return not_deployed(component, err);
	if (!make_path(path, component, keys, count, err) ||
	    !configstore_begin(&nucleus->config, err))
		return false;
	if (!configtree_merge(tree, &tree->root, path, value, &merge, err)) {
		configstore_abandon(&nucleus->config);
		return false;
	}
	if (merge.older > 0) {
		configstore_abandon(&nucleus->config);
		return error_set(err, ERROR_EXISTS,
				 "the value was changed after the time of this update");
	}
	return configstore_end(&nucleus->config, err);
}

/* Tells the server of a change below /services/NAME/configuration. */
static void on_change(void *context, const struct confignode *node)
{
	struct ipchost *ipc = context;
	const char *keys[PATH_KEYS_MAX];
	size_t depth = 0, place = PATH_KEYS_MAX;

	for (; node->parent && place > 0; node = node->parent, depth++)
		keys[--place] = node->key;
	if (depth < 3 || strcasecmp(keys[place + 2], "configuration") != 0)
		return;
	ipc_configuration_changed(ipc->server, keys[place + 1], &keys[place + 3], depth - 3);
}

static const char *thing_name(void *context)
{
	const struct nucleus *nucleus = context;

	return nucleus->settings.thing_name;
}

static const char *fill_in(void *context, const char *component, const char *text,
			   struct arena *arena)
{
	struct nucleus *nucleus = context;
	static const char *const version[] = { "version", NULL };
	static const char *const configuration[] = { "configuration", NULL };
	const struct confignode *service = service_of(nucleus, component);
	const struct confignode *node = configtree_find(service, configuration);
	struct interpolate_component self = { .name = component };
	struct interpolate_scope scope = { .root = nucleus->root,
					   .thing_name = nucleus->settings.thing_name,
					   .self = &self };
	const char *result = text;
	struct error ignored;

	self.version = service ? configtree_text(arena, service, version) : NULL;
	if (!self.version)
		self.version = "0.0.0";
	if ((node && !configtree_read(arena, node, component, &self.configuration, &ignored)) ||
	    !interpolate(&scope, arena, text, &result, &ignored))
		return text;
	return result;
}

/* -- components ---------------------------------------------------------------------------------
 */

static enum ipc_state state_of(const struct unit *unit)
{
	static const enum ipc_state states[COMPONENT_STATES] = {
		[COMPONENT_NEW] = IPC_STATE_NEW,
		[COMPONENT_INSTALLED] = IPC_STATE_INSTALLED,
		[COMPONENT_STARTING] = IPC_STATE_STARTING,
		[COMPONENT_RUNNING] = IPC_STATE_RUNNING,
		[COMPONENT_STOPPING] = IPC_STATE_STOPPING,
		[COMPONENT_ERRORED] = IPC_STATE_ERRORED,
		[COMPONENT_BROKEN] = IPC_STATE_BROKEN,
		[COMPONENT_FINISHED] = IPC_STATE_FINISHED,
		[COMPONENT_UNINSTALLING] = IPC_STATE_FINISHED, /* the model has no word for it */
		[COMPONENT_UNINSTALLED] = IPC_STATE_FINISHED,
	};

	return states[unit->component.state];
}

static struct ipc_component describe(const struct unit *unit)
{
	return (struct ipc_component){ .name = unit->service->name,
				       .version = unit->service->version,
				       .state = state_of(unit) };
}

static int compare_names(const void *a, const void *b)
{
	const struct ipc_component *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static bool component_list(void *context, struct arena *arena, struct ipc_component **list,
			   size_t *count, struct error *err)
{
	const struct nucleus *nucleus = context;
	const struct supervisor *supervisor = &nucleus->supervisor;

	(void)err;
	*count = supervisor->count;
	*list = arena_array(arena, supervisor->count, sizeof(**list));
	for (size_t i = 0; i < supervisor->count; i++)
		(*list)[i] = describe(supervisor->units[i]);
	qsort(*list, *count, sizeof(**list), compare_names);
	return true;
}

static struct unit *find_unit(void *context, const char *component, struct error *err)
{
	struct nucleus *nucleus = context;
	struct unit *unit = supervisor_find(&nucleus->supervisor, component);

	if (!unit)
		not_deployed(component, err);
	return unit;
}

static bool component_find(void *context, const char *component, struct arena *arena,
			   struct ipc_component *found, struct error *err)
{
	const struct unit *unit = find_unit(context, component, err);

	(void)arena;
	if (unit)
		*found = describe(unit);
	return unit != NULL;
}

static bool component_report(void *context, const char *component, enum ipc_state state,
			     struct error *err)
{
	struct unit *unit = find_unit(context, component, err);

	if (unit)
		unit_report(unit,
			    state == IPC_STATE_RUNNING ? COMPONENT_RUNNING : COMPONENT_ERRORED);
	return unit != NULL;
}

static bool component_act(void *context, const char *component, enum ipc_action action,
			  struct error *err)
{
	struct unit *unit = find_unit(context, component, err);

	if (!unit)
		return false;
	switch (action) {
	case IPC_ACTION_RESTART:
		supervisor_restart(unit);
		return true;
	case IPC_ACTION_STOP:
		supervisor_stop_unit(unit);
		return true;
	case IPC_ACTION_PAUSE:
		return unit_pause(unit, err);
	default:
		return unit_resume(unit, err);
	}
}

/* -- deployments --------------------------------------------------------------------------------
 */

static bool defer_update(void *context, const char *component, const char *deployment,
			 int64_t milliseconds, const char *message, struct error *err)
{
	(void)context;
	(void)component;
	(void)milliseconds;
	(void)message;
	/* Local deployments do not ask. */
	return error_set(err, ERROR_INPUT, "no deployment %s asks whether it may go ahead",
			 deployment);
}

static bool validity_report(void *context, const char *component, const char *deployment,
			    bool is_accepted, const char *message, struct error *err)
{
	struct nucleus *nucleus = context;

	return validation_answer(&nucleus->deployer, component, deployment, is_accepted, message,
				 err);
}

/* runWith of the request as the tree that documents hold. */
static const struct json *run_with_of(struct arena *arena, const struct ipc_change *change)
{
	struct json *tree = json_new(arena, NULL, "runWith", JSON_OBJECT, NULL), *limits;

	if (change->posix_user)
		json_new(arena, tree, "posixUser", JSON_TEXT, change->posix_user);
	if (change->memory_kilobyte <= 0 && !change->cpus)
		return tree->count > 0 ? tree : NULL;
	limits = json_new(arena, tree, "systemResourceLimits", JSON_OBJECT, NULL);
	if (change->memory_kilobyte > 0)
		json_new(arena, limits, "memory", JSON_NUMBER,
			 arena_printf(arena, "%lld", (long long)change->memory_kilobyte));
	if (change->cpus)
		json_new(arena, limits, "cpus", JSON_NUMBER, change->cpus);
	return tree;
}

static const char *const *copy_texts(struct arena *arena, const char *const *texts, size_t count)
{
	const char **copy = arena_array(arena, count + 1, sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = texts[i];
	return copy;
}

static bool deployment_create(void *context, const struct ipc_deployment_request *request,
			      struct arena *arena, const char **id, struct error *err)
{
	struct nucleus *nucleus = context;
	struct document document;

	if (!document_begin(&document, arena, err))
		return false;
	if (request->change_count > DOCUMENT_CHANGES_MAX)
		return error_set(err, ERROR_INPUT, "more than %d components", DOCUMENT_CHANGES_MAX);
	if (request->group)
		document.group = arena_printf(arena, "thinggroup/%s", request->group);
	document.recipe_directory = request->recipe_directory;
	document.artifact_directory = request->artifact_directory;
	document.does_rollback = request->does_rollback;
	document.removes = copy_texts(arena, request->remove, request->remove_count);
	for (size_t i = 0; i < request->change_count; i++) {
		const struct ipc_change *change = &request->changes[i];

		document.changes[document.change_count++] = (struct document_change){
			.name = change->name,
			.version = change->version,
			.merge = change->merge,
			.resets = copy_texts(arena, change->reset, change->reset_count),
			.run_with = run_with_of(arena, change),
		};
	}
	*id = document.id;
	return document_check(&document, arena, err) &&
	       deployer_queue(&nucleus->deployer, &document, err);
}

static enum ipc_deployment_status status_of(const char *status)
{
	static const struct {
		const char *word;
		enum ipc_deployment_status status;
	} words[] = {
		{ "QUEUED", IPC_DEPLOYMENT_QUEUED },
		{ "IN_PROGRESS", IPC_DEPLOYMENT_IN_PROGRESS },
		{ "SUCCEEDED", IPC_DEPLOYMENT_SUCCEEDED },
		{ "CANCELED", IPC_DEPLOYMENT_CANCELED },
	};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strcmp(words[i].word, status) == 0)
			return words[i].status;
	return IPC_DEPLOYMENT_FAILED;
}

/* A result that cannot be read is one without details. */
static void read_result(struct ipc_deployment *deployment, struct arena *arena, const char *text)
{
	const struct json *result;
	const char **stack, **types, **warnings;
	struct error ignored;

	if (!*text || !json_parse(arena, "result", text, strlen(text), &result, &ignored) ||
	    !json_text_or(result, "detail", NULL, &deployment->detail, &ignored) ||
	    !json_text_or(result, "cause", NULL, &deployment->failure, &ignored) ||
	    !json_text_array(arena, result, "stack", &stack, &deployment->error_stack_count,
			     &ignored) ||
	    !json_text_array(arena, result, "types", &types, &deployment->error_type_count,
			     &ignored) ||
	    !json_text_array(arena, result, "warnings", &warnings, &deployment->warning_count,
			     &ignored))
		return;
	deployment->error_stack = stack;
	deployment->error_types = types;
	deployment->warnings = warnings;
}

static struct ipc_deployment describe_row(const struct statedb_deployment *row, struct arena *arena)
{
	struct ipc_deployment deployment = { .id = row->id,
					     .status = status_of(row->status),
					     .created = row->created };

	read_result(&deployment, arena, row->result);
	return deployment;
}

static bool deployment_list(void *context, struct arena *arena, struct ipc_deployment **list,
			    size_t *count, struct error *err)
{
	struct nucleus *nucleus = context;
	struct statedb_deployment *rows;

	if (!statedb_list_deployments(nucleus->db, arena, &rows, count, err))
		return false;
	*list = arena_array(arena, *count, sizeof(**list));
	for (size_t i = 0; i < *count; i++)
		(*list)[i] = describe_row(&rows[*count - 1 - i], arena);
	return true;
}

static bool deployment_find(void *context, const char *id, struct arena *arena,
			    struct ipc_deployment *found, struct error *err)
{
	struct nucleus *nucleus = context;
	struct statedb_deployment *rows;
	size_t count;

	if (!statedb_list_deployments(nucleus->db, arena, &rows, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].id, id) != 0)
			continue;
		*found = describe_row(&rows[i], arena);
		return true;
	}
	return error_set(err, ERROR_NOT_FOUND, "there is no deployment %s", id);
}

static bool deployment_cancel(void *context, const char *id, struct error *err)
{
	struct nucleus *nucleus = context;

	return deployer_cancel(&nucleus->deployer, id, err);
}

/* -- the server's place -------------------------------------------------------------------------
 */

/* ROOT/cli_ipc_info/user-0: greengrass-cli finds the socket and a token of its own there. Who can
 * read it is root on this device, and no policy binds them. */
static bool write_console_info(struct ipchost *ipc, struct error *err)
{
	struct nucleus *nucleus = ipc->nucleus;
	autofree char *name = mem_printf("user-%u", geteuid());
	autofree char *directory = mem_printf("%s/cli_ipc_info", nucleus->root);
	autofree char *path = mem_printf("%s/%s", directory, name);
	autobuf struct buf text = { 0 };
	const struct token *token;
	struct jsonout out;

	if (!tokens_issue(&ipc->tokens, name, TOKEN_CONSOLE, &token, err) ||
	    !path_make_own_dirs(directory, 0700, err))
		return false;
	buf_init(&text, 4096);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "cli_auth_token", token->text);
	jsonout_text(&out, "domain_socket_path", ipc->socket);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return file_replace(AT_FDCWD, path, text.data, text.length, 0600, FILE_VOLATILE, err);
}

/* Where components find it: where the configuration wants it, else in the root, unless that has too
 * long a name for a socket. */
static char *socket_path(const struct nucleus *nucleus)
{
	const char *chosen = nucleus->settings.ipc_socket;
	char *path = chosen ? mem_strdup(chosen) : mem_printf("%s/ipc.socket", nucleus->root);

	if (chosen)
		return path;
	if (strlen(path) <= SOCKET_PATH_MAX)
		return path;
	free(path);
	path = mem_strdup(nucleus->run_path);
	memcpy(path + strlen(path) - strlen(".json"), ".sock", strlen(".json"));
	return path;
}

/* A place in /run is not there after a reboot. */
static bool make_place(const char *socket, struct error *err)
{
	autofree char *directory = mem_printf("%.*s", (int)(strrchr(socket, '/') - socket), socket);

	return *directory == '\0' || path_make_own_dirs(directory, 0755, err);
}

bool ipchost_open(struct ipchost *ipc, struct nucleus *nucleus, struct error *err)
{
	static const char *const services[] = { "services", NULL };

	ipc->nucleus = nucleus;
	ipc->socket = socket_path(nucleus);
	ipc->host = (struct ipc_host){ .context = nucleus,
				       .thing_name = thing_name,
				       .interpolate = fill_in,
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
				       .deployment_cancel = deployment_cancel };
	if (!make_place(ipc->socket, err) ||
	    !ipc_server_open(&ipc->server,
			     &(struct ipc_options){ .loop = &nucleus->loop,
						    .host = &ipc->host,
						    .tokens = &ipc->tokens,
						    .socket = ipc->socket,
						    .data = nucleus->root,
						    .mqtt = nucleus->cloud.mqtt,
						    .exchange = nucleus->cloud.exchange },
			     err))
		return false;
	ipc->changes = (struct configstore_subscription){ .path = services,
							  .on_change = on_change,
							  .context = ipc };
	configstore_subscribe(&nucleus->config, &ipc->changes);
	return write_console_info(ipc, err);
}

void ipchost_close(struct ipchost *ipc)
{
	if (!ipc->nucleus)
		return;
	configstore_unsubscribe(&ipc->nucleus->config, &ipc->changes);
	if (ipc->server)
		ipc_server_close(ipc->server);
	ipc->server = NULL;
	free(ipc->socket);
	ipc->socket = NULL;
}

void ipchost_add_environment(struct ipchost *ipc, const char *component,
			     struct environment *environment)
{
	const struct token *token = tokens_of(&ipc->tokens, component);
	struct error err;

	if (!token && !tokens_issue(&ipc->tokens, component, TOKEN_COMPONENT, &token, &err)) {
		log_error("%s", err.text);
		return;
	}
	environment_set(environment, "SVCUID", token->text);
	environment_set(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN", token->text);
	environment_set(environment, "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH", ipc->socket);
	environment_set(environment, "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT",
			ipc->socket);
}

void ipchost_forget(struct ipchost *ipc, const char *component)
{
	if (!ipc->server)
		return;
	tokens_revoke(&ipc->tokens, component);
	ipc_component_gone(ipc->server, component);
}
