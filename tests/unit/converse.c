/* SPDX-License-Identifier: Apache-2.0 */
#include "base/converse.h"

#include "base/mem.h"
#include "tests/unit/tap.h"

#define LIMIT 2000

/* Asks `script`, run by sh, and takes its answer. */
static bool ask(const char *script, int patience_ms, struct buf *answer, int *code,
		struct error *err)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	const struct converse question = { argv, "what is it?\n", patience_ms };

	buf_clear(answer);
	return converse(&question, answer, code, err);
}

int main(void)
{
	const int ages = 600 * 1000, moment = 200;
	autobuf struct buf answer;
	struct error err;
	int code = -1;

	buf_init(&answer, LIMIT);
	if (check_ok(ask("read it; echo \"<$it>\"; exit 3", ages, &answer, &code, &err), &err,
		     "a program answers")) {
		check_text(answer.data, "<what is it?>\n", "what it read");
		check_int(code, 3, "its exit code");
	}
	if (check_ok(ask("head -c 2000 /dev/zero | tr '\\0' x", ages, &answer, &code, &err), &err,
		     "an answer as long as it may be"))
		check_int((long long)answer.length, LIMIT, "its length");
	check_error(ask("head -c 2001 /dev/zero", ages, &answer, &code, &err), &err, ERROR_INPUT,
		    "more than 2000 bytes", "a byte more");
	check_error(ask("yes", ages, &answer, &code, &err), &err, ERROR_INPUT,
		    "more than 2000 bytes", "no end of an answer");
	check_error(ask("exec sleep 600", moment, &answer, &code, &err), &err, ERROR_SYSTEM,
		    "no answer in", "no answer");
	check_error(ask("echo done; exec sleep 600 >&-", moment, &answer, &code, &err), &err,
		    ERROR_SYSTEM, "no answer in", "an answer, but no end");
	return tap_done();
}
