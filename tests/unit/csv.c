/* SPDX-License-Identifier: Apache-2.0 */
#include "base/csv.h"

#include "tests/unit/tap.h"

static void test_fields(void)
{
	static const struct {
		const char *line;
		const char *fields[4];
	} cases[] = {
		{ "a", { "a" } },
		{ "", { "" } },
		{ "a=1,b", { "a=1", "b" } },
		{ "a,,b", { "a", "", "b" } },
		{ "a,", { "a", "" } },
		{ "\"a,b\",c", { "a,b", "c" } },
		{ "\"say \"\"hi\"\"\",x", { "say \"hi\"", "x" } },
		{ "\"open,end", { "open,end" } },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autofree char *line = mem_strdup(cases[i].line);
		char *rest = line;

		for (size_t j = 0; j < 4 && cases[i].fields[j]; j++) {
			const char *field = csv_next(&rest);

			check_text(field ? field : "(none)", cases[i].fields[j], "a field of %s",
				   cases[i].line);
		}
		check(!csv_next(&rest), "no more in %s", cases[i].line);
	}
}

/* What was added is read again. */
static void test_added(void)
{
	static const char *const values[] = { "", "plain", "a,b", "\"", "a\"\",\nb" };
	autoarena struct arena arena = { 0 };

	check_text(csv_add(&arena, "x", "k", NULL), "x", "nothing to add");
	check_text(csv_add(&arena, "x", "k", "v"), "x,k=v", "nothing to quote");
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		autofree char *line = mem_strdup(csv_add(&arena, "x", "k", values[i]));
		char *rest = line;

		check_text(csv_next(&rest), "x", "the field before");
		check_text(csv_next(&rest), arena_printf(&arena, "k=%s", values[i]), "the value");
		check(!csv_next(&rest), "no more");
	}
}

int main(void)
{
	test_fields();
	test_added();
	return tap_done();
}
