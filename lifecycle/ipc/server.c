/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"

#define BACKLOG         128
#define LISTEN_AGAIN_MS 1000

/* -- connections --------------------------------------------------------------------------------
 */

void server_settle(struct ipc_server *server)
{
	while (server->touched) {
		struct connection *connection = server->touched;

		server->touched = connection->next_touched;
		connection->is_touched = false;
		connection_settle(connection);
	}
}

static void on_settling(struct loop_timer *timer)
{
	server_settle(timer->context);
}

void server_settle_later(struct ipc_server *server)
{
	if (server->touched)
		loop_arm(server->loop, &server->settling, 0);
}

/* Whoever waits longest without saying who it is makes room for the next. */
static void end_oldest_stranger(struct ipc_server *server)
{
	struct connection *oldest = NULL;

	for (struct connection *connection = server->connections; connection;
	     connection = connection->next)
		if (!connection->name)
			oldest = connection;
	if (oldest && !oldest->is_touched)
		connection_free(oldest);
}

void server_adopt(struct ipc_server *server, int fd)
{
	if (server->stranger_count >= SERVER_STRANGERS_MAX)
		end_oldest_stranger(server);
	if (server->connection_count >= SERVER_CONNECTIONS_MAX) {
		log_warning("IPC: more than %d clients: one is turned away",
			    SERVER_CONNECTIONS_MAX);
		close(fd);
		return;
	}
	(void)!connection_new(server, fd);
}

static void on_listen_again(struct loop_timer *timer)
{
	struct ipc_server *server = timer->context;

	loop_watch(server->loop, &server->listener);
}

static void on_client(struct loop_watch *watch)
{
	struct ipc_server *server = watch->context;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		server_adopt(server, fd);
		return;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* Out of descriptors or memory: without a pause the loop would do nothing else. */
	log_warning("IPC: accept: %s", strerror(errno));
	loop_unwatch(server->loop, watch);
	loop_arm(server->loop, &server->listen_again, LISTEN_AGAIN_MS);
}

/* -- subscriptions ------------------------------------------------------------------------------
 */

static struct subscription *first_from(struct connection *connection)
{
	while (connection && (connection->is_broken || !connection->subscriptions))
		connection = connection->next;
	return connection ? connection->subscriptions : NULL;
}

struct subscription *server_next(struct ipc_server *server, const char *operation,
				 struct subscription *last)
{
	struct subscription *next = last ? last->next : first_from(server->connections);
	struct connection *connection = last ? last->connection : NULL;

	for (;;) {
		if (!next && connection)
			next = first_from(connection->next);
		if (!next)
			return NULL;
		if (strcmp(next->operation->name, operation) == 0)
			return next;
		connection = next->connection;
		next = next->next;
	}
}

/* -- policies -----------------------------------------------------------------------------------
 */

struct scope {
	struct ipc_server *server;
	const char *component;
};

static const char *value_of(void *context, const char *variable, struct arena *arena)
{
	const struct scope *scope = context;
	const struct ipc_host *host = scope->server->host;
	const char *value;

	if (strcmp(variable, "{iot:thingName}") == 0)
		return host->thing_name(host->context);
	value = host->interpolate(host->context, scope->component, variable, arena);
	return value && strcmp(value, variable) != 0 ? value : NULL;
}

static void read_policies(struct ipc_server *server, struct access_cache *cache)
{
	static const char *const path[] = { "accessControl" };
	const struct ipc_host *host = server->host;
	struct scope scope = { server, cache->component };
	struct access_variables variables = { value_of, &scope };
	autotexts struct texts complaints = { 0 };
	autoarena struct arena arena = { 0 };
	const struct json *control = NULL;
	struct error err;

	if (!host->configuration_get(host->context, cache->component, path, 1, &arena, &control,
				     &err))
		control = NULL; /* no policies: all is denied */
	access_policies_read(&cache->policies, control, &variables, &complaints);
	for (size_t i = 0; i < complaints.count; i++)
		log_warning("%s: %s", cache->component, complaints.items[i]);
}

const struct access_policies *server_policies(struct ipc_server *server, const char *component)
{
	struct access_cache *cache = server->access;

	while (cache && strcmp(cache->component, component) != 0)
		cache = cache->next;
	if (!cache) {
		cache = mem_alloc(sizeof(*cache));
		cache->component = mem_strdup(component);
		cache->next = server->access;
		server->access = cache;
		read_policies(server, cache);
	}
	return &cache->policies;
}

void server_forget_policies(struct ipc_server *server, const char *component)
{
	for (struct access_cache **link = &server->access; *link; link = &(*link)->next) {
		struct access_cache *cache = *link;

		if (component && strcmp(cache->component, component) != 0)
			continue;
		*link = cache->next;
		access_policies_done(&cache->policies);
		free(cache->component);
		free(cache);
		return;
	}
}

void ipc_component_gone(struct ipc_server *server, const char *component)
{
	for (struct connection *connection = server->connections; connection;
	     connection = connection->next)
		if (connection->name && strcmp(connection->name, component) == 0)
			connection_end(connection);
	server_forget_policies(server, component);
	server_settle_later(server);
}

/* -- life ---------------------------------------------------------------------------------------
 */

/* A new socket takes the old one's place by rename: clients that connect see one or the other. */
static bool listen_at(const char *path, int *fd, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autofree char *beside = mem_printf("%s.new", path);
	autoclose int listener = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ERROR_INPUT,
				 "IPC socket %s: the path is longer than %zu bytes; set "
				 "system.ipcSocketPath",
				 path, sizeof(address.sun_path) - 1);
	if (strlen(beside) >= sizeof(address.sun_path))
		snprintf(beside, strlen(beside) + 1, "%s", path);
	strcpy(address.sun_path, beside);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0)
		return error_sys(err, "IPC socket");
	if (unlink(beside) < 0 && errno != ENOENT)
		return error_sys(err, "remove %s", beside);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "bind %s", beside);
	/* The token is the secret: components and containers of any user may connect. */
	if (chmod(beside, 0666) < 0 || listen(listener, BACKLOG) < 0)
		return error_sys(err, "listen at %s", beside);
	if (strcmp(beside, path) != 0 && rename(beside, path) < 0)
		return error_sys(err, "rename %s", beside);
	*fd = take_fd(&listener);
	return true;
}

bool ipc_server_open(struct ipc_server **result, const struct ipc_options *options,
		     struct error *err)
{
	int fd = -1;

	if (options->socket && !listen_at(options->socket, &fd, err))
		return false;

	struct ipc_server *server = mem_alloc(sizeof(*server));

	server->loop = options->loop;
	server->host = options->host;
	server->tokens = options->tokens;
	server->mqtt = options->mqtt;
	server->exchange = options->exchange;
	server->socket = mem_strdup(options->socket);
	server->data = mem_strdup(options->data);
	server->filters.has_parent_match = true;
	server->scratch = mem_alloc(SERVER_SCRATCH);
	buf_init(&server->event, OPERATION_ANSWER_MAX);
	server->listener =
		(struct loop_watch){ .fd = fd, .on_ready = on_client, .context = server };
	server->listen_again =
		(struct loop_timer){ .on_expiry = on_listen_again, .context = server };
	server->settling = (struct loop_timer){ .on_expiry = on_settling, .context = server };
	if (fd >= 0)
		loop_watch(server->loop, &server->listener);
	if (server->mqtt)
		mqtt_listen(server);
	*result = server;
	return true;
}

void ipc_server_close(struct ipc_server *server)
{
	if (!server)
		return;
	while (server->connections)
		connection_free(server->connections);
	while (server->access)
		server_forget_policies(server, NULL);
	loop_disarm(server->loop, &server->settling);
	loop_disarm(server->loop, &server->listen_again);
	loop_unwatch(server->loop, &server->listener);
	if (server->listener.fd >= 0) {
		close(server->listener.fd);
		unlink(server->socket);
	}
	topictree_done(&server->topics);
	topictree_done(&server->filters);
	metrics_done(&server->metrics);
	free(server->socket);
	free(server->data);
	free(server->scratch);
	buf_done(&server->event);
	free(server);
}
