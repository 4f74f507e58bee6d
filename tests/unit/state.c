/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/state.h"

#include <fcntl.h>

#include "base/file.h"
#include "tests/unit/tap.h"

/* state.json of a container with so many control groups. */
static void write_state(int dir, size_t groups)
{
	autobuf struct buf text;
	struct error err;

	buf_init(&text, 65536);
	buf_add_text(&text, "{\"id\":\"c\",\"init_process_pid\":1,\"init_process_start\":2,"
			    "\"created\":\"\",\"ociVersion\":\"1.2.0\",\"bundle\":\"/b\","
			    "\"config\":{\"rootfs\":\"/r\"},\"cgroup_paths\":{");
	for (size_t i = 0; i < groups; i++)
		buf_printf(&text, "%s\"name%zu\":\"/sys/fs/cgroup/name%zu/c\"", i ? "," : "", i, i);
	buf_add_text(&text, "}}");
	check_ok(file_replace(dir, STATE_FILE, text.data, text.length, 0600, FILE_VOLATILE, &err),
		 &err, "write a state with %zu groups", groups);
}

int main(void)
{
	autoclose int dir = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct state_dir place = { .root = -1, .dir = dir };
	autoarena struct arena arena = { 0 };
	struct state state;
	struct error err;

	write_state(dir, CGROUP_PLACES_MAX);
	if (check_ok(state_load(&place, &arena, &state, &err), &err, "as many as there can be")) {
		check_int((long long)state.cgroup.count, CGROUP_PLACES_MAX, "all of them");
		check_text(state.cgroup.places[CGROUP_PLACES_MAX - 1].path,
			   "/sys/fs/cgroup/name23/c", "the last one");
	}
	state_done(&state);
	write_state(dir, CGROUP_PLACES_MAX + 1);
	check_error(state_load(&place, &arena, &state, &err), &err, ERROR_INPUT,
		    "too many control groups", "one more");
	check_int((long long)state.cgroup.count, CGROUP_PLACES_MAX, "is not there");
	state_done(&state);
	return tap_done();
}
