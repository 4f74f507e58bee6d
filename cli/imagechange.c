/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imagechange.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/path.h"

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

static bool change_expose(struct arena *arena, const char *text, struct image_config *config,
			  struct error *err)
{
	struct list words = read_words(arena, text);
	struct list list =
		begin(arena, config->exposed_ports, config->exposed_port_count, words.count);

	(void)err;
	for (size_t i = 0; i < words.count; i++)
		list.items[list.count++] = strchr(words.items[i], '/')
						   ? words.items[i]
						   : arena_printf(arena, "%s/tcp", words.items[i]);
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

static const struct instruction {
	const char *name;
	bool (*change)(struct arena *arena, const char *text, struct image_config *config,
		       struct error *err);
} instructions[] = {
	{ "CMD", change_command },     { "ENTRYPOINT", change_entrypoint },
	{ "ENV", change_env },         { "EXPOSE", change_expose },
	{ "LABEL", change_label },     { "STOPSIGNAL", change_stop_signal },
	{ "USER", change_user },       { "VOLUME", change_volume },
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
