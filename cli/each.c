/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/each.h"

#include <stdio.h>

#include "engine/find.h"

static bool act(const struct each *each, const char *argument, each_action *action,
		struct error *err)
{
	char id[CONTAINER_ID_LENGTH + 1];
	struct container container = { 0 };
	bool is_found = find_one(each->engine, argument, id, err) ||
			(each->task && error_in(err, "%s: %s", each->task, argument));
	bool is_done = is_found && container_read(each->engine, each->arena, id, &container, err) &&
		       action(each, &container, err);

	container_done(&container);
	return is_done;
}

static int act_on_all(const struct cli *cli, const struct texts *arguments,
		      const struct each *wishes, bool prints_argument, each_action *action,
		      struct texts *failed)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	const struct each each = {
		.engine = &engine, .arena = &arena, .values = wishes->values, .task = wishes->task
	};
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++) {
		const char *argument = arguments->items[i];

		if (!act(&each, argument, action, &err)) {
			code = command_failed(&err);
			if (failed)
				texts_add(failed, argument);
		} else if (prints_argument) {
			puts(argument);
		}
		fflush(stdout);
	}
	return code;
}

int each_container(const struct cli *cli, const void *values, const struct texts *arguments,
		   bool prints_argument, each_action *action)
{
	return act_on_all(cli, arguments, &(struct each){ .values = values }, prints_argument,
			  action, NULL);
}

int each_container_for(const struct cli *cli, const void *values, const struct texts *arguments,
		       each_action *action, const char *task, struct texts *failed)
{
	return act_on_all(cli, arguments, &(struct each){ .values = values, .task = task }, true,
			  action, failed);
}
