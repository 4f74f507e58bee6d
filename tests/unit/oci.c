/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a runtime that says more than anybody takes. The engine finds the runtime beside
 * its own program: so a copy of this one, DIR/unit/test, has a runtime of its own in DIR/runtime.
 */
#include "engine/oci.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/tap.h"

static struct error err;

static void put(int dir, const char *name, const char *text)
{
	check_ok(file_replace(dir, name, text, strlen(text), 0755, FILE_VOLATILE, &err), &err,
		 "make %s", name);
}

/* As the copy. */
static void test_calls(int dir)
{
	const struct engine engine = { .run = tap.dir };
	const char *const words[] = { "state" };
	autobuf struct buf output;

	buf_init(&output, 1000);
	put(dir, "runtime/mooring-runc", "#!/bin/sh\necho $3 $4\n");
	if (check_ok(oci_call(&engine, words, 1, &output, &err), &err, "a call"))
		check(strstr(output.data, "state"), "what it says: %s", output.data);
	put(dir, "runtime/mooring-runc",
	    "#!/bin/sh\necho 'level=error msg=\"no \\\"it\\\"\"' >&2; exit 1\n");
	check_error(oci_call(&engine, words, 1, NULL, &err), &err, ERROR_SYSTEM, "no \"it\"",
		    "a refusal");
	put(dir, "runtime/mooring-runc", "#!/bin/sh\nexec yes\n");
	check_error(oci_call(&engine, words, 1, &output, &err), &err, ERROR_INPUT,
		    "larger than 1000 bytes", "an answer without an end");
}

static bool make_copy(int dir)
{
	autobuf struct buf program;

	buf_init(&program, 64 << 20);
	return mkdirat(dir, "unit", 0755) == 0 && mkdirat(dir, "runtime", 0755) == 0 &&
	       file_read(AT_FDCWD, "/proc/self/exe", &program, &err) &&
	       file_replace(dir, "unit/test", program.data, program.length, 0755, FILE_VOLATILE,
			    &err);
}

int main(int argc, char **argv)
{
	if (argc > 1) /* the first one's directory is ours now, to be removed at the end */
		snprintf(tap.dir, sizeof(tap.dir), "%s", argv[1]);

	autoclose int dir = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *copy = mem_printf("%s/unit/test", tap_dir());

	if (argc > 1)
		test_calls(dir);
	else if (make_copy(dir))
		execl(copy, copy, tap_dir(), NULL);
	check(argc > 1, "a copy of this program is executed");
	return tap_done();
}
