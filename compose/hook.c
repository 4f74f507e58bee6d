/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/hook.h"

#include "compose/creation.h"
#include "compose/tree.h"

struct hook {
	struct arena *arena;
	const struct json *tree;
	const char *const *id;
};

static bool execution(struct task *task, struct texts *arguments, struct error *err)
{
	const struct hook *hook = task->steps[task->step].context;
	const struct json *environment = json_get(hook->tree, "environment");
	const struct json *command = json_get(hook->tree, "command");
	const char *user = tree_text(hook->tree, "user");
	const char *directory = tree_text(hook->tree, "working_dir");

	(void)err;
	texts_add(arguments, "exec");
	if (tree_bool(hook->tree, "privileged"))
		texts_add(arguments, "--privileged");
	if (user)
		creation_add(arguments, "--user", user);
	if (directory)
		creation_add(arguments, "--workdir", directory);
	for (const struct json *item = environment ? environment->child : NULL; item;
	     item = item->next)
		creation_add(arguments, "--env",
			     item->type == JSON_NULL
				     ? item->key
				     : arena_printf(hook->arena, "%s=%s", item->key, item->text));
	texts_add(arguments, *hook->id);
	for (const struct json *word = command->child; word; word = word->next)
		texts_add(arguments, word->text);
	return true;
}

void hook_add(struct arena *arena, struct task *task, const struct service *service,
	      const char *kind, const char *const *id)
{
	const struct json *list = service ? json_get(service->tree, kind) : NULL;

	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		struct hook *hook = arena_alloc(arena, sizeof(*hook));

		*hook = (struct hook){ arena, item, id };
		task->steps[task->step_count++] = (struct task_step){
			.arguments = execution,
			.culprit = arena_printf(arena, "%s hook", service->name),
			.context = hook,
		};
	}
}
