/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imagechange.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/path.h"
#include "cli/opt.h"
#include "engine/port.h"

#define EXPOSED_MAX 4096 /* ports of one line */

/* A growing vector in the arena; what the configuration had comes first. */
struct list {
	const char **items;
	size_t count;
};

static struct list begin(struct arena *arena, const char *const *items, size_t count, size_t more)
{
	struct list list = { arena_array(arena, count + more + 1, sizeof(*list.items)), count };

	if (count)
		memcpy(list.items, items, count * sizeof(*items));
	return list;
}

/* ["a","b"]; false if it is no such array. */
static bool read_array(struct arena *arena, const char *text, struct list *list)
{
	const struct json *root;
	struct error ignored;

	if (text[0] != '[' || !json_parse(arena, "change", text, strlen(text), &root, &ignored) ||
	    root->type != JSON_ARRAY)
		return false;
	*list = begin(arena, NULL, 0, root->count);
	for (const struct json *item = root->child; item; item = item->next) {
		if (item->type != JSON_TEXT)
			return false;
		list->items[list->count++] = item->text;
	}
	return true;
}

/* Words as a Dockerfile has them: blanks part them, quotes and backslashes keep blanks. */
static struct list read_words(struct arena *arena, const char *text)
{
	struct list list = begin(arena, NULL, 0, strlen(text) / 2 + 1);

	while (*(text += strspn(text, " \t"))) {
		char *word = arena_alloc(arena, strlen(text) + 1);
		size_t length = 0;
		char quote = '\0';

		for (; *text && (quote || (*text != ' ' && *text != '\t')); text++) {
			if (*text == '\\' && text[1] && quote != '\'')
				word[length++] = *++text;
			else if (!quote && (*text == '"' || *text == '\''))
				quote = *text;
			else if (*text == quote)
				quote = '\0';
			else
				word[length++] = *text;
		}
		word[length] = '\0';
		list.items[list.count++] = word;
	}
	return list;
}

static struct list read_command(struct arena *arena, const char *text)
{
	struct list list;

	if (read_array(arena, text, &list))
		return list;
	list = begin(arena, NULL, 0, 3);
	list.items[0] = "/bin/sh";
	list.items[1] = "-c";
	list.items[2] = text;
	list.count = 3;
	return list;
}

static bool change_command(struct arena *arena, const char *text, struct image_config *config,
			   struct error *err)
{
	struct list list = read_command(arena, text);

	(void)err;
	config->cmd = list.items;
	config->cmd_count = list.count;
	return true;
}

static bool change_entrypoint(struct arena *arena, const char *text, struct image_config *config,
			      struct error *err)
{
	struct list list = read_command(arena, text);

	(void)err;
	config->entrypoint = list.items;
	config->entrypoint_count = list.count;
	return true;
}

/* "A=1 B=2", or "A the rest". */
static struct list read_pairs(struct arena *arena, const char *text)
{
	struct list words = read_words(arena, text);

	if (words.count > 1 && !strchr(words.items[0], '=')) {
		const char *rest = text + strspn(text, " \t");

		rest += strcspn(rest, " \t");
		rest += strspn(rest, " \t");
		words.items[0] = arena_printf(arena, "%s=%s", words.items[0], rest);
		words.count = 1;
	}
	return words;
}

static bool change_env(struct arena *arena, const char *text, struct image_config *config,
		       struct error *err)
{
	struct list words = read_pairs(arena, text);
	struct list list = begin(arena, config->env, config->env_count, words.count);

	for (size_t i = 0; i < words.count; i++) {
		size_t length = strcspn(words.items[i], "=");
		size_t at = 0;

		if (!words.items[i][length] || !length)
			return error_set(err, ERROR_INPUT, "ENV must have two arguments");
		while (at < list.count && (strncmp(list.items[at], words.items[i], length) != 0 ||
					   list.items[at][length] != '='))
			at++;
		list.items[at] = words.items[i];
		list.count += at == list.count;
	}
	config->env = list.items;
	config->env_count = list.count;
	return true;
}

static bool change_label(struct arena *arena, const char *text, struct image_config *config,
			 struct error *err)
{
	struct list words = read_pairs(arena, text);
	struct image_label *labels =
		arena_array(arena, config->label_count + words.count + 1, sizeof(*labels));
	size_t count = config->label_count;

	if (count)
		memcpy(labels, config->labels, count * sizeof(*labels));
	for (size_t i = 0; i < words.count; i++) {
		size_t length = strcspn(words.items[i], "=");
		const char *key = arena_strndup(arena, words.items[i], length);
		size_t at = 0;

		if (!words.items[i][length] || !length)
			return error_set(err, ERROR_INPUT, "LABEL must have two arguments");
		while (at < count && strcmp(labels[at].key, key) != 0)
			at++;
		labels[at] = (struct image_label){ key, words.items[i] + length + 1 };
		count += at == count;
	}
	config->labels = labels;
	config->label_count = count;
	return true;
}

/* "80", "80/udp", "80-82": a port each. */
static bool change_expose(struct arena *arena, const char *text, struct image_config *config,
			  struct error *err)
{
	struct list words = read_words(arena, text);
	struct list list =
		begin(arena, config->exposed_ports, config->exposed_port_count, EXPOSED_MAX);

	for (size_t i = 0; i < words.count; i++) {
		struct port_spec spec;

		if (!port_parse_exposed(words.items[i], &spec, err))
			return false;
		for (unsigned port = spec.inside.first; port <= spec.inside.last; port++) {
			if (list.count >= config->exposed_port_count + EXPOSED_MAX)
				return error_set(err, ERROR_INPUT, "EXPOSE of more than %d ports",
						 EXPOSED_MAX);
			list.items[list.count++] = arena_printf(arena, "%u/%s", port,
								port_protocol_name(spec.protocol));
		}
	}
	config->exposed_ports = list.items;
	config->exposed_port_count = list.count;
	return true;
}

static bool change_volume(struct arena *arena, const char *text, struct image_config *config,
			  struct error *err)
{
	struct list words;
	struct list list;

	if (!read_array(arena, text, &words))
		words = read_words(arena, text);
	list = begin(arena, config->volumes, config->volume_count, words.count);
	for (size_t i = 0; i < words.count; i++) {
		if (!*words.items[i])
			return error_set(err, ERROR_INPUT,
					 "VOLUME specified can not be an empty string");
		list.items[list.count++] = words.items[i];
	}
	config->volumes = list.items;
	config->volume_count = list.count;
	return true;
}

static bool change_user(struct arena *arena, const char *text, struct image_config *config,
			struct error *err)
{
	(void)err;
	config->user = arena_strdup(arena, text);
	return true;
}

static bool change_workdir(struct arena *arena, const char *text, struct image_config *config,
			   struct error *err)
{
	autofree char *joined =
		text[0] == '/'
			? mem_strdup(text)
			: mem_printf("%s/%s", config->working_dir ? config->working_dir : "", text);
	autofree char *clean = path_clean(joined);

	(void)err;
	config->working_dir = arena_strdup(arena, clean);
	return true;
}

static bool change_stop_signal(struct arena *arena, const char *text, struct image_config *config,
			       struct error *err)
{
	(void)err;
	config->stop_signal = arena_strdup(arena, text);
	return true;
}

/* What a build on top does later; FROM, MAINTAINER and ONBUILD make no sense there. */
static bool change_on_build(struct arena *arena, const char *text, struct image_config *config,
			    struct error *err)
{
	static const char *const refused[] = { "FROM", "MAINTAINER" };
	struct list list = begin(arena, config->on_build, config->on_build_count, 1);
	size_t length = strcspn(text, " \t");

	if (length == strlen("ONBUILD") && strncasecmp(text, "ONBUILD", length) == 0)
		return error_set(err, ERROR_INPUT,
				 "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		if (strlen(refused[i]) == length && strncasecmp(text, refused[i], length) == 0)
			return error_set(err, ERROR_INPUT, "%s isn't allowed as an ONBUILD trigger",
					 refused[i]);
	}
	list.items[list.count++] = arena_strdup(arena, text);
	config->on_build = list.items;
	config->on_build_count = list.count;
	return true;
}

/* "--interval=5s", … before a HEALTHCHECK's command. */
static bool read_health_flag(const char *flag, struct image_healthcheck *check, struct error *err)
{
	const struct {
		const char *name;
		int64_t *nanoseconds;
	} spans[] = { { "--interval=", &check->interval },
		      { "--timeout=", &check->timeout },
		      { "--start-period=", &check->start_period },
		      { "--start-interval=", &check->start_interval } };
	static const char retries[] = "--retries=";
	char *end;

	for (size_t i = 0; i < COUNT_OF(spans); i++) {
		size_t length = strlen(spans[i].name);

		if (strncmp(flag, spans[i].name, length) == 0)
			return opt_parse_span(flag + length, spans[i].nanoseconds, err) ||
			       error_in(err, "HEALTHCHECK %s", flag);
	}
	if (strncmp(flag, retries, strlen(retries)) != 0)
		return error_set(err, ERROR_INPUT, "Unknown flag: %.*s",
				 (int)strcspn(flag + 2, "="), flag + 2);
	check->retries = strtol(flag + strlen(retries), &end, 10);
	return (flag[strlen(retries)] && !*end && check->retries >= 0) ||
	       error_set(err, ERROR_INPUT, "--retries must be at least 0 (not %s)",
			 flag + strlen(retries));
}

/* NONE; or flags and CMD, with a list or a line for the shell. */
static bool change_healthcheck(struct arena *arena, const char *text, struct image_config *config,
			       struct error *err)
{
	struct image_healthcheck check = { 0 };
	struct list argv, list = begin(arena, NULL, 0, 2);

	for (; strncmp(text, "--", 2) == 0; text += strspn(text, " \t")) {
		size_t length = strcspn(text, " \t");

		if (!read_health_flag(arena_strndup(arena, text, length), &check, err))
			return false;
		text += length;
	}
	size_t length = strcspn(text, " \t");
	const char *rest = text + length + strspn(text + length, " \t");
	if (length == 4 && strncasecmp(text, "NONE", length) == 0 && !*rest) {
		list.items[list.count++] = "NONE";
	} else if (length != 3 || strncasecmp(text, "CMD", length) != 0) {
		return error_set(err, ERROR_INPUT, "Unknown type \"%.*s\" in HEALTHCHECK (try CMD)",
				 (int)length, text);
	} else if (!*rest) {
		return error_set(err, ERROR_INPUT, "Missing command after HEALTHCHECK CMD");
	} else if (read_array(arena, rest, &argv)) {
		list = begin(arena, NULL, 0, argv.count + 1);
		list.items[list.count++] = "CMD";
		for (size_t i = 0; i < argv.count; i++)
			list.items[list.count++] = argv.items[i];
	} else {
		list.items[list.count++] = "CMD-SHELL";
		list.items[list.count++] = arena_strdup(arena, rest);
	}
	check.test = list.items;
	check.test_count = list.count;
	config->healthcheck = check;
	return true;
}

static const struct instruction {
	const char *name;
	bool (*change)(struct arena *arena, const char *text, struct image_config *config,
		       struct error *err);
} instructions[] = {
	{ "CMD", change_command },      { "ENTRYPOINT", change_entrypoint },
	{ "ENV", change_env },          { "EXPOSE", change_expose },
	{ "LABEL", change_label },      { "STOPSIGNAL", change_stop_signal },
	{ "ONBUILD", change_on_build }, { "HEALTHCHECK", change_healthcheck },
	{ "USER", change_user },        { "VOLUME", change_volume },
	{ "WORKDIR", change_workdir },
};

/* Leaves *text behind the instruction's name. */
static const struct instruction *find_instruction(const char **text)
{
	*text += strspn(*text, " \t");
	size_t length = strcspn(*text, " \t");

	for (size_t i = 0; i < COUNT_OF(instructions); i++) {
		if (strlen(instructions[i].name) == length &&
		    strncasecmp(instructions[i].name, *text, length) == 0) {
			*text += length;
			*text += strspn(*text, " \t");
			return &instructions[i];
		}
	}
	return NULL;
}

bool imagechange_check(const char *line, struct error *err)
{
	const char *rest = line;
	const struct instruction *found = find_instruction(&rest);

	if (!found && !*rest)
		return error_set(err, ERROR_INPUT, "file with no instructions");
	if (!found)
		return error_set(err, ERROR_INPUT, "%.*s is not a valid change command",
				 (int)strcspn(rest, " \t"), rest);
	return *rest ||
	       error_set(err, ERROR_INPUT, "%s requires at least one argument", found->name);
}

bool imagechange_apply(const struct texts *lines, struct arena *arena, struct image_config *config,
		       struct error *err)
{
	for (size_t i = 0; i < lines->count; i++) {
		const char *rest = lines->items[i];
		const struct instruction *found = find_instruction(&rest);

		if (found && !found->change(arena, rest, config, err))
			return false;
	}
	return true;
}
