/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/nucleus.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "lifecycle/bootstrap.h"
#include "lifecycle/console.h"
#include "lifecycle/nucleusconfig.h"
#include "lifecycle/orphans.h"

#define LOCK_TRIES   10
#define LOCK_WAIT_MS 50

const char *nucleus_root(struct arena *arena, const char *root)
{
	return root ? root : arena_printf(arena, "%s/components", settings_data_directory(arena));
}

const char *nucleus_log(const struct nucleus *nucleus, struct arena *arena, const char *component)
{
	const struct settings_logging *logging = &nucleus->settings.logging;

	return logging->is_console
		       ? "the nucleus' output"
		       : arena_printf(arena, "%s/%s.log", logging->directory, component);
}

void nucleus_note_failure(struct nucleus *nucleus, const struct error *err)
{
	if (nucleus->settings.logging.directory)
		journal_note(&nucleus->journal, LOGLINE_ERROR, "RUNNING", "%s", err->text);
}

printf_like(3, 0) static void tell(struct nucleus *nucleus, enum logline_level level,
				   const char *format, va_list args)
{
	char text[ERROR_TEXT_MAX + 256];

	vsnprintf(text, sizeof(text), format, args);
	if (nucleus->options.is_foreground)
		console_say("%s%s", level == LOGLINE_WARN ? "Warning: " : "", text);
	journal_note(&nucleus->journal, level, "RUNNING", "%s", text);
}

void nucleus_say(struct nucleus *nucleus, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(nucleus, LOGLINE_INFO, format, args);
	va_end(args);
}

void nucleus_warn(struct nucleus *nucleus, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(nucleus, LOGLINE_WARN, format, args);
	va_end(args);
}

/* -- where --------------------------------------------------------------------------------------
 */

/* Made if it is missing. An absolute path without links: scripts get to see it. */
static bool open_root(struct nucleus *nucleus, struct error *err)
{
	const char *root = nucleus_root(&nucleus->arena, nucleus->options.root);

	if (!path_make_own_dirs(root, 0755, err))
		return false;
	nucleus->root = realpath(root, NULL);
	if (!nucleus->root)
		return error_sys(err, "root directory %s", root);
	nucleus->run_path = runstate_path(&nucleus->arena, nucleus->root);
	return true;
}

/* What one that was killed left beside the files it was replacing. We hold the lock, so nobody is
 * writing there. */
static void sweep(const char *root, const char *name)
{
	autofree char *path = mem_printf("%s/%s", root, name);
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		file_sweep(dir);
}

/* One that was killed this moment may have left a child which has our lock until it executes its
 * program; so one that is taken is asked for again, for half a second. */
static bool take_lock(struct nucleus *nucleus, struct error *err)
{
	autofree char *path = mem_printf("%s/lock", nucleus->root);

	for (int attempt = 0; attempt < LOCK_TRIES; attempt++) {
		if (file_lock(AT_FDCWD, path, FILE_LOCK_TRY, &nucleus->lock, err))
			return true;
		if (err->kind != ERROR_EXISTS)
			return false;
		poll(NULL, 0, LOCK_WAIT_MS);
	}
	return error_in(err, "another nucleus is running in %s", nucleus->root);
}

/* -- what happens -------------------------------------------------------------------------------
 */

static void on_change(void *context, const struct unit *unit, const char *text)
{
	struct nucleus *nucleus = context;

	nucleus->is_run_behind = true;
	if (nucleus->options.is_foreground)
		console_say("%s: %s", unit->component.name, text);
}

static void on_warning(void *context, const struct unit *unit, const char *text)
{
	nucleus_warn(context, "%s: %s", unit->component.name, text);
}

static void on_line(void *context, const struct unit *unit, enum script_stream stream,
		    const char *line)
{
	struct nucleus *nucleus = context;

	if (nucleus->options.is_foreground)
		console_line(unit->component.name, stream, line);
}

/* Somebody is going to ask for credentials: SDKs do not wait long. */
static void prepare_cloud(struct nucleus *nucleus, const struct service *service)
{
	for (size_t i = 0; i < service->need_count; i++)
		if (strcmp(service->needs[i].name, "aws.greengrass.TokenExchangeService") == 0)
			(void)cloud_is_ready(&nucleus->cloud);
}

static void add_environment(void *context, const struct unit *unit, struct environment *environment)
{
	struct nucleus *nucleus = context;

	prepare_cloud(nucleus, unit->service);
	ipchost_add_environment(&nucleus->ipc, unit->service->name, environment);
	if (cloud_uri(&nucleus->cloud))
		environment_set(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI",
				cloud_uri(&nucleus->cloud));
}

static void on_gone(void *context, const char *name)
{
	struct nucleus *nucleus = context;

	nucleus->is_run_behind = true;
	ipchost_forget(&nucleus->ipc, name);
}

static bool is_builtin_ready(void *context, const char *name)
{
	const struct nucleus *nucleus = context;

	return strcmp(name, STREAMHOST_COMPONENT) != 0 || streamhost_is_ready(&nucleus->streams);
}

void nucleus_stop(struct nucleus *nucleus)
{
	nucleus_say(nucleus, "Stopping the components.");
	deployer_stop(&nucleus->deployer); /* before they stop: it looks at what is up */
	supervisor_stop(&nucleus->supervisor);
}

bool nucleus_restart(struct nucleus *nucleus, const char *why)
{
	if (nucleus->options.is_foreground) {
		nucleus_say(nucleus,
			    "%s asks for a restart of the nucleus; in the foreground the "
			    "deployment just goes on.",
			    why);
		return false;
	}
	nucleus_say(nucleus, "%s asks for a restart of the nucleus.", why);
	nucleus->is_restarting = true;
	nucleus_stop(nucleus);
	return true;
}

static void on_stop(struct loop_watch *watch)
{
	struct nucleus *nucleus = watch->context;
	int signal = loop_next_signal(watch->fd);

	if (signal == 0 || nucleus->signal != 0)
		return;
	nucleus->signal = signal;
	nucleus_stop(nucleus);
}

static void on_child(struct loop_watch *watch)
{
	struct nucleus *nucleus = watch->context;

	while (loop_next_signal(watch->fd) != 0)
		;
	supervisor_look(&nucleus->supervisor);
	streamhost_look(&nucleus->streams);
	bootstrap_look(&nucleus->deployer);
	nucleus->is_run_behind = true; /* sessions */
}

/* A file that cannot be written (tmpfs full) must not stop what runs. */
static void write_run(struct nucleus *nucleus)
{
	autofree struct runstate_component *components = mem_array(
		nucleus->supervisor.count + nucleus->before.count + 1, sizeof(*components));
	struct runstate run = nucleus->run;
	struct error err;

	if (!nucleus->is_run_behind)
		return;
	nucleus->is_run_behind = false;
	run.components = components;
	for (size_t i = 0; i < nucleus->supervisor.count; i++) {
		const struct unit *unit = nucleus->supervisor.units[i];
		struct runstate_component *component = &components[run.count++];

		component->name = unit->component.name;
		component->state = component_state_name(unit->component.state);
		component->status = unit->status;
		component->exit_code = unit->exit_code;
		supervisor_sessions(unit, component->sessions);
	}
	for (size_t i = 0; i < nucleus->before.count; i++)
		if (!supervisor_find(&nucleus->supervisor, nucleus->before.components[i].name))
			components[run.count++] = nucleus->before.components[i];
	if (!runstate_write(&run, nucleus->run_path, &err))
		log_warning("%s", err.text);
}

/* -- beginning and end --------------------------------------------------------------------------
 */

static void open_supervisor(struct nucleus *nucleus)
{
	supervisor_open(&nucleus->supervisor, &nucleus->loop,
			&(struct supervisor_options){ .root = nucleus->root,
						      .bin = nucleus->bin,
						      .mark = nucleus->run.nucleus,
						      .settings = &nucleus->settings,
						      .account = nucleus->account,
						      .on_change = on_change,
						      .on_warning = on_warning,
						      .on_line = on_line,
						      .on_gone = on_gone,
						      .add_environment = add_environment,
						      .is_builtin_ready = is_builtin_ready,
						      .context = nucleus });
}

/* What an earlier nucleus ran does not run under this one, whatever it wrote last. */
static void settle(struct runstate *before)
{
	for (size_t i = 0; i < before->count; i++) {
		struct runstate_component *component = &before->components[i];

		if (strcmp(component->state, "FINISHED") != 0 &&
		    strcmp(component->state, "BROKEN") != 0)
			component->state = "NEW";
		memset(component->sessions, 0, sizeof(component->sessions));
	}
}

static bool begin_run(struct nucleus *nucleus, struct error *err)
{
	struct document id; /* only for its random id */

	runstate_read(&nucleus->before, &nucleus->arena, nucleus->run_path);
	orphans_end(&nucleus->before);
	settle(&nucleus->before);
	return document_begin(&id, &nucleus->arena, err) &&
	       runstate_begin(&nucleus->run, &nucleus->arena, id.id, err);
}

static bool open_watches(struct nucleus *nucleus, struct error *err)
{
	static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP, 0 };
	static const int child_signals[] = { SIGCHLD, 0 };

	if (!loop_open_signals(stop_signals, &nucleus->stop_fd, err) ||
	    !loop_open_signals(child_signals, &nucleus->child_fd, err))
		return false;
	nucleus->stops = (struct loop_watch){ .fd = nucleus->stop_fd,
					      .on_ready = on_stop,
					      .context = nucleus };
	nucleus->children = (struct loop_watch){ .fd = nucleus->child_fd,
						 .on_ready = on_child,
						 .context = nucleus };
	loop_watch(&nucleus->loop, &nucleus->stops);
	loop_watch(&nucleus->loop, &nucleus->children);
	return true;
}

bool nucleus_open(struct nucleus *nucleus, const struct nucleus_options *options, struct error *err)
{
	*nucleus = (struct nucleus){ .options = *options,
				     .lock = -1,
				     .stop_fd = -1,
				     .child_fd = -1,
				     .is_run_behind = true };
	journal_init(&nucleus->journal, &nucleus->settings.logging, "greengrass");
	if (!device_detect(&nucleus->device, &nucleus->arena, err) ||
	    !proc_helper("bin", &nucleus->bin, err) || !open_root(nucleus, err) ||
	    !take_lock(nucleus, err))
		return false;
	sweep(nucleus->root, "packages/recipes");
	if (!statedb_open(&nucleus->db, nucleus->root, err) ||
	    !configstore_open(&nucleus->config, nucleus->db, err) ||
	    !nucleusconfig_open(nucleus, err) ||
	    (!options->is_foreground && !journal_open(&nucleus->journal, err)) ||
	    !open_watches(nucleus, err) || !begin_run(nucleus, err))
		return false;
	open_supervisor(nucleus);
	cloud_open(&nucleus->cloud, nucleus);
	streamhost_open(&nucleus->streams, nucleus);
	return ipchost_open(&nucleus->ipc, nucleus, err) &&
	       deployer_open(&nucleus->deployer, nucleus, err);
}

void nucleus_close(struct nucleus *nucleus)
{
	if (nucleus->deployer.nucleus)
		deployer_close(&nucleus->deployer);
	supervisor_close(&nucleus->supervisor);
	streamhost_close(&nucleus->streams);
	ipchost_close(&nucleus->ipc);
	cloud_close(&nucleus->cloud);
	tokens_done(&nucleus->ipc.tokens);
	configstore_close(&nucleus->config);
	statedb_close(nucleus->db);
	loop_unwatch(&nucleus->loop, &nucleus->stops);
	loop_unwatch(&nucleus->loop, &nucleus->children);
	mem_cleanup_close(&nucleus->stop_fd);
	mem_cleanup_close(&nucleus->child_fd);
	mem_cleanup_close(&nucleus->lock);
	journal_close(&nucleus->journal);
	free(nucleus->root);
	free(nucleus->bin);
	arena_done(&nucleus->settings_arena);
	arena_done(&nucleus->arena);
}

static bool is_over(const struct nucleus *nucleus)
{
	const struct deployer *deployer = &nucleus->deployer;

	if (nucleus->supervisor.is_stopping)
		return supervisor_is_over(&nucleus->supervisor) && deployer->background.pid <= 0 &&
		       deployer->sweeping.pid <= 0;
	if (!nucleus->options.is_foreground || !deployer->has_ended || deployer->sweeping.pid > 0)
		return false;
	return (!deployer->has_succeeded && deployer->is_unchanged) ||
	       supervisor_is_over(&nucleus->supervisor);
}

/* What one does may be what the other one waits for. */
static bool advance(struct nucleus *nucleus, struct error *err)
{
	size_t changes;
	enum deployer_phase phase;

	do {
		changes = nucleus->supervisor.changes;
		phase = nucleus->deployer.phase;
		if (!supervisor_advance(&nucleus->supervisor, err) ||
		    !deployer_advance(&nucleus->deployer, err))
			return false;
	} while (changes != nucleus->supervisor.changes || phase != nucleus->deployer.phase);
	return true;
}

bool nucleus_run(struct nucleus *nucleus, struct error *err)
{
	for (;;) {
		if (!advance(nucleus, err))
			return false;
		streamhost_advance(&nucleus->streams);
		write_run(nucleus);
		if (is_over(nucleus))
			return true;
		if (!loop_step(&nucleus->loop, err))
			return false;
	}
}

/* Its log is a file: somebody who has started it by hand would see nothing at all. */
static void greet(struct nucleus *nucleus)
{
	if (!nucleus->options.is_foreground && isatty(STDOUT_FILENO))
		console_say("The nucleus is running; its log is %s. Deploy with "
			    "\"mooring deploy\" in another terminal; Ctrl-C ends it.",
			    nucleus_log(nucleus, &nucleus->arena, "greengrass"));
}

static bool start(struct nucleus *nucleus, const struct nucleus_options *options, struct error *err)
{
	if (!nucleus_open(nucleus, options, err))
		return false;
	greet(nucleus);
	return deployer_start_all(&nucleus->deployer, err);
}

static bool run_once(const struct nucleus_options *options, bool *is_restarting, struct error *err)
{
	struct nucleus *nucleus = mem_alloc(sizeof(*nucleus));
	bool is_good = start(nucleus, options, err) && nucleus_run(nucleus, err);

	*is_restarting = is_good && nucleus->is_restarting && nucleus->signal == 0;
	nucleus_close(nucleus);
	free(nucleus);
	return is_good;
}

int nucleus_main(const struct nucleus_options *options)
{
	bool is_restarting = true;
	struct error err;

	while (is_restarting) {
		if (!run_once(options, &is_restarting, &err)) {
			log_error("nucleus: %s", err.text);
			return EXIT_FAILURE;
		}
	}
	return EXIT_SUCCESS;
}
