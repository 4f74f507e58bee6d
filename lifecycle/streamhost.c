/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/streamhost.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "base/passfd.h"
#include "base/path.h"
#include "base/proc.h"
#include "lifecycle/download.h"
#include "lifecycle/nucleus.h"
#include "lifecycle/streamfile.h"

#define PACKET_MAX   65536
#define SETTINGS_MAX (64 * 1024) /* fits a pipe, so writing it never waits for the reader */
#define BACK_OFF_MS  1000
#define BACK_OFF_MAX 60 /* times that */

#define LINK_FD      3 /* as mooring-streams has them */
#define SETTINGS_FD  5

static const char *const configuration_path[] = { "services", STREAMHOST_COMPONENT, "configuration",
						  NULL };

/* -- who needs it -------------------------------------------------------------------------------
 */

static bool needs_it(const struct unit *unit)
{
	const struct service *service = unit->service;

	if (unit->wish == UNIT_REMOVE)
		return false;
	for (size_t i = 0; i < service->need_count; i++)
		if (strcmp(service->needs[i].name, STREAMHOST_COMPONENT) == 0)
			return true;
	return false;
}

static bool is_wanted(const struct streamhost *host)
{
	const struct supervisor *supervisor = &host->nucleus->supervisor;

	for (size_t i = 0; i < supervisor->count; i++)
		if (needs_it(supervisor->units[i]) &&
		    (!supervisor->is_stopping || !unit_is_idle(supervisor->units[i])))
			return true;
	return false;
}

bool streamhost_is_ready(const struct streamhost *host)
{
	return host->is_ready;
}

/* -- its configuration --------------------------------------------------------------------------
 */

static const struct json *read_configuration(struct streamhost *host, struct arena *arena)
{
	const struct confignode *node =
		configtree_find(&host->nucleus->config.tree.root, configuration_path);
	const struct json *json = NULL;
	struct error err;

	if (node && !configtree_read(arena, node, "configuration", &json, &err))
		log_warning("%s", err.text);
	return json;
}

/* All but what we write there ourselves. */
static void on_change(void *context, const struct confignode *node)
{
	struct streamhost *host = context;

	if (host->pid && (!node->key || strcasecmp(node->key, "port") != 0))
		host->is_changed = true;
}

/* Clients that look for another port than 8088 find it here. */
static void publish_port(struct streamhost *host, int64_t port)
{
	autoarena struct arena arena = { 0 };
	struct json *value = json_new(&arena, NULL, "configuration", JSON_OBJECT, NULL);
	struct configstore *config = &host->nucleus->config;
	struct configtree_merge merge = { .is_forced = true };
	struct error err;

	json_new(&arena, value, "port", JSON_NUMBER, arena_printf(&arena, "%lld", (long long)port));
	if (!configstore_begin(config, &err)) {
		log_warning("%s", err.text);
		return;
	}
	if (!configtree_merge(&config->tree, &config->tree.root, configuration_path, value, &merge,
			      &err)) {
		configstore_abandon(config);
		log_warning("%s", err.text);
	} else if (!configstore_end(config, &err)) {
		log_warning("%s", err.text);
	}
}

/* -- tokens -------------------------------------------------------------------------------------
 */

static const char *whose(const struct streamhost *host, const char *text)
{
	const struct token *token = tokens_find(&host->nucleus->ipc.tokens, text);

	return token && token->kind == TOKEN_COMPONENT ? token->name : NULL;
}

/* -- mooring-fetch ------------------------------------------------------------------------------
 */

static bool start_fetch(struct streamhost *host, int *fd, struct error *err)
{
	struct download_program program;
	size_t i = 0;

	while (i < STREAMHOST_FETCHES_MAX && host->fetches[i])
		i++;
	if (i == STREAMHOST_FETCHES_MAX)
		return error_set(err, ERROR_SYSTEM, "earlier mooring-fetches have not ended yet");
	if (!download_start(&program, &host->nucleus->settings, err))
		return false;
	host->fetches[i] = program.proc.pid;
	drop_fd(&program.proc.pidfd);
	*fd = program.control;
	return true;
}

/* -- packets ------------------------------------------------------------------------------------
 */

static void send_answer(struct streamhost *host, const struct buf *text, int fd)
{
	if (passfd_send(host->link.fd, text->data, text->length, &fd, fd >= 0, MSG_DONTWAIT) < 0)
		log_warning("answer mooring-streams: %s", strerror(errno));
}

static void answer(struct streamhost *host, int64_t id, const char *component, int fd,
		   const struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, PACKET_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "id", id);
	jsonout_bool(&out, "ok", !err);
	if (component)
		jsonout_text(&out, "component", component);
	if (err) {
		jsonout_text(&out, "kind", error_kind_word(err->kind));
		jsonout_text(&out, "text", err->text);
	}
	jsonout_object_end(&out);
	jsonout_done(&out);
	send_answer(host, &text, fd);
}

static void do_for_it(struct streamhost *host, const struct json *packet, int64_t id,
		      const char *operation)
{
	const char *component = NULL, *token;
	autoarena struct arena arena = { 0 };
	autoclose int fd = -1;
	struct error err;
	bool is_good = false;

	if (strcmp(operation, "token") == 0) {
		if (json_text(packet, "token", &token, &err)) {
			component = whose(host, token);
			is_good = component || error_set(&err, ERROR_DENIED, "unauthorized");
		}
	} else if (strcmp(operation, "open") == 0) {
		is_good = streamfile_open(host->nucleus, read_configuration(host, &arena), packet,
					  &fd, &err);
	} else if (strcmp(operation, "fetch") == 0) {
		is_good = start_fetch(host, &fd, &err);
	} else {
		error_set(&err, ERROR_UNSUPPORTED, "unknown operation \"%s\"", operation);
	}
	answer(host, id, component, fd, is_good ? NULL : &err);
}

static void read_packet(struct streamhost *host, const char *text, size_t size)
{
	autoarena struct arena arena = { 0 };
	const struct json *packet;
	const char *event, *operation;
	struct error err;
	int64_t number;

	if (!json_parse(&arena, "packet of mooring-streams", text, size, &packet, &err) ||
	    !json_text_or(packet, "event", "", &event, &err) ||
	    !json_text_or(packet, "op", "", &operation, &err)) {
		log_warning("%s", err.text);
	} else if (strcmp(event, "ready") == 0 && json_int(packet, "port", &number, &err)) {
		host->is_ready = true;
		host->failures = 0;
		host->nucleus->supervisor.changes++;
		publish_port(host, number);
	} else if (json_int(packet, "id", &number, &err)) {
		do_for_it(host, packet, number, operation);
	}
}

/* -- its life -----------------------------------------------------------------------------------
 */

static void on_again(struct loop_timer *timer)
{
	struct streamhost *host = timer->context;

	host->is_waiting = false;
}

static void let_go(struct streamhost *host)
{
	if (host->link.fd >= 0)
		loop_unwatch(&host->nucleus->loop, &host->link);
	drop_fd(&host->link.fd);
	host->is_ready = false;
}

/* Clients reconnect; what was acknowledged is on disk. */
static void on_end(struct streamhost *host, int status)
{
	bool is_expected = host->link.fd < 0;
	int64_t times = 1;

	let_go(host);
	host->pid = 0;
	if (is_expected)
		return;
	for (int64_t i = 0; i < host->failures && times < BACK_OFF_MAX; i++)
		times *= 2;
	host->failures++;
	journal_note(&host->journal, LOGLINE_ERROR, "ERRORED",
		     "mooring-streams ended with %d; it is started again", proc_exit_code(status));
	host->is_waiting = true;
	loop_arm(&host->nucleus->loop, &host->again, times * BACK_OFF_MS);
}

void streamhost_look(struct streamhost *host)
{
	int status;

	for (size_t i = 0; i < STREAMHOST_FETCHES_MAX; i++)
		if (host->fetches[i] && waitpid(host->fetches[i], &status, WNOHANG) != 0)
			host->fetches[i] = 0;
	if (host->pid && waitpid(host->pid, &status, WNOHANG) == host->pid)
		on_end(host, status);
}

static void on_link(struct loop_watch *watch)
{
	struct streamhost *host = watch->context;
	autofree char *packet = mem_alloc(PACKET_MAX);
	ssize_t size = recv(watch->fd, packet, PACKET_MAX, MSG_DONTWAIT);

	if (size > 0)
		read_packet(host, packet, (size_t)size);
	else if (size == 0) /* it has ended, or is about to: SIGCHLD comes */
		loop_want(&host->nucleus->loop, watch, 0);
}

static void on_output(struct loop_watch *watch)
{
	struct streamhost *host = watch->context;
	char bytes[1024];
	ssize_t count = read(watch->fd, bytes, sizeof(bytes));

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		loop_unwatch(&host->nucleus->loop, watch);
		drop_fd(&watch->fd);
		return;
	}
	for (ssize_t i = 0; i < count; i++) {
		if (bytes[i] != '\n' && host->line_length + 1 < sizeof(host->line)) {
			host->line[host->line_length++] = bytes[i];
			continue;
		}
		host->line[host->line_length] = '\0';
		journal_output(&host->journal, SCRIPT_STDERR, "mooring-streams",
			       host->is_ready ? "RUNNING" : "STARTING", host->line);
		host->line_length = 0;
	}
}

/* -- starting it --------------------------------------------------------------------------------
 */

/* Of the token exchange, as any component gets them; keys in our own environment come first, and
 * then mooring-fetch has them. */
static void put_credentials(struct streamhost *host, struct jsonout *out)
{
	struct tokens *tokens = &host->nucleus->ipc.tokens;
	const char *uri = cloud_uri(&host->nucleus->cloud);
	const struct token *token = tokens_of(tokens, STREAMHOST_COMPONENT);
	struct error err;

	if (!uri || getenv("AWS_ACCESS_KEY_ID"))
		return;
	if (!token && !tokens_issue(tokens, STREAMHOST_COMPONENT, TOKEN_COMPONENT, &token, &err)) {
		nucleus_say(host->nucleus, "%s: %s", STREAMHOST_COMPONENT, err.text);
		return;
	}
	jsonout_object(out, "credentials");
	jsonout_text(out, "uri", uri);
	jsonout_text(out, "token", token->text);
	jsonout_object_end(out);
}

static void put_settings(struct streamhost *host, struct jsonout *out, const char *store)
{
	const struct nucleus *nucleus = host->nucleus;
	const struct settings *settings = &nucleus->settings;
	autoarena struct arena arena = { 0 };
	const struct json *configuration = read_configuration(host, &arena);

	jsonout_object(out, NULL);
	jsonout_text(out, "root", store);
	jsonout_text(out, "control",
		     arena_printf(&arena, "%s/streams.sock", settings_run_directory(&arena)));
	if (nucleus->account) {
		jsonout_object(out, "user");
		jsonout_int(out, "uid", nucleus->account->uid);
		jsonout_int(out, "gid", nucleus->account->gid);
		jsonout_object_end(out);
	}
	if (settings->s3_region || settings->region)
		jsonout_text(out, "region",
			     settings->s3_region ? settings->s3_region : settings->region);
	if (settings->s3_endpoint) {
		jsonout_object(out, "endpoints");
		jsonout_text(out, "s3", settings->s3_endpoint);
		jsonout_object_end(out);
	}
	put_credentials(host, out);
	if (settings->has_path_style)
		jsonout_bool(out, "path_style", settings->path_style);
	if (configuration)
		jsonout_json(out, "configuration", configuration);
	jsonout_object_end(out);
}

static bool write_settings(struct streamhost *host, const char *store, int *reader,
			   struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;
	int ends[2];

	buf_init(&text, SETTINGS_MAX);
	jsonout_init(&out, &text, false);
	put_settings(host, &out, store);
	jsonout_done(&out);
	if (!buf_check(&text, "the settings for mooring-streams", err))
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	*reader = ends[0];

	autoclose int writer = ends[1];

	return file_write(writer, "settings for mooring-streams", text.data, text.length, err);
}

/* Its work folder, as a component's: 0700, the user's. */
static bool make_store(struct streamhost *host, char **store, struct error *err)
{
	const struct nucleus *nucleus = host->nucleus;
	autofree char *work = mem_printf("%s/work", nucleus->root);
	autoclose int parent = -1;
	autoclose int dir = -1;

	*store = mem_printf("%s/" STREAMHOST_COMPONENT, work);
	if (!path_make_own_dirs(work, 0755, err))
		return false;
	parent = open(work, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(parent, STREAMHOST_COMPONENT, 0700) < 0 && errno != EEXIST)
		return error_sys(err, "make %s", *store);
	dir = openat(parent, STREAMHOST_COMPONENT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "open %s", *store);
	if (nucleus->account && fchown(dir, nucleus->account->uid, nucleus->account->gid) < 0)
		return error_sys(err, "give %s to %s", *store, nucleus->account->name);
	return true;
}

static bool spawn(struct streamhost *host, int settings, int link, int output, struct error *err)
{
	autofree char *program = NULL;
	const char *const env[] = { NULL };
	const struct proc_fd fds[] = { { output, STDERR_FILENO },
				       { link, LINK_FD },
				       { settings, SETTINGS_FD } };
	struct proc proc;

	if (!proc_helper("mooring-streams", &program, err))
		return false;

	const char *const argv[] = { program, NULL };

	if (!proc_spawn(&(struct proc_options){ .argv = argv,
						.env = env,
						.fds = fds,
						.fd_count = COUNT_OF(fds),
						.is_session_leader = true,
						.parent_death_signal = SIGTERM },
			&proc, err))
		return false;
	host->pid = proc.pid;
	drop_fd(&proc.pidfd);
	return true;
}

static void watch(struct streamhost *host, struct loop_watch *watch, int fd,
		  void (*on_ready)(struct loop_watch *watch))
{
	*watch = (struct loop_watch){ .fd = fd, .on_ready = on_ready, .context = host };
	loop_watch(&host->nucleus->loop, watch);
}

static bool start(struct streamhost *host, struct error *err)
{
	autofree char *store = NULL;
	autoclose int settings = -1;
	int link[2], output[2];

	if (!journal_open(&host->journal, err) || !make_store(host, &store, err) ||
	    !write_settings(host, store, &settings, err))
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0)
		return error_sys(err, "socketpair");

	autoclose int our_link = link[0];
	autoclose int their_link = link[1];

	if (pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_sys(err, "pipe");

	autoclose int our_output = output[0];
	autoclose int their_output = output[1];

	if (!spawn(host, settings, their_link, their_output, err))
		return false;
	watch(host, &host->link, take_fd(&our_link), on_link);
	if (host->output.fd >= 0) {
		loop_unwatch(&host->nucleus->loop, &host->output);
		drop_fd(&host->output.fd);
	}
	watch(host, &host->output, take_fd(&our_output), on_output);
	return true;
}

static void stop(struct streamhost *host)
{
	kill(host->pid, SIGTERM); /* our child, not yet waited for: the number is its */
	let_go(host);
	host->is_changed = false;
}

void streamhost_advance(struct streamhost *host)
{
	struct error err;

	if (host->pid && host->link.fd >= 0 && (host->is_changed || !is_wanted(host)))
		stop(host);
	if (!is_wanted(host))
		return;
	if (host->pid || host->is_waiting || start(host, &err))
		return;
	nucleus_say(host->nucleus, "%s: %s", STREAMHOST_COMPONENT, err.text);
	host->is_waiting = true;
	loop_arm(&host->nucleus->loop, &host->again, BACK_OFF_MAX * BACK_OFF_MS);
}

void streamhost_open(struct streamhost *host, struct nucleus *nucleus)
{
	*host = (struct streamhost){ .nucleus = nucleus };
	journal_init(&host->journal, &nucleus->settings.logging, STREAMHOST_COMPONENT);
	host->link.fd = host->output.fd = -1;
	host->again = (struct loop_timer){ .on_expiry = on_again, .context = host };
	host->changes = (struct configstore_subscription){ .path = configuration_path,
							   .on_change = on_change,
							   .context = host };
	configstore_subscribe(&nucleus->config, &host->changes);
}

/* It saves how far it is, which takes moments. */
void streamhost_close(struct streamhost *host)
{
	int status;

	if (!host->nucleus)
		return;
	if (host->pid) {
		kill(host->pid, SIGTERM);
		waitpid(host->pid, &status, 0);
	}
	for (size_t i = 0; i < STREAMHOST_FETCHES_MAX; i++)
		if (host->fetches[i])
			waitpid(host->fetches[i], &status, 0);
	let_go(host);
	if (host->output.fd >= 0)
		loop_unwatch(&host->nucleus->loop, &host->output);
	drop_fd(&host->output.fd);
	loop_disarm(&host->nucleus->loop, &host->again);
	configstore_unsubscribe(&host->nucleus->config, &host->changes);
	journal_close(&host->journal);
}
