/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SPECCONFIG_H
#define TESTS_UNIT_SPECCONFIG_H

#include "runtime/spec.h"
#include "tests/unit/tap.h"

/* A config that is right; cases replace or add one thing. */
#define PROCESS "\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"}"
#define ROOT    "\"root\":{\"path\":\"rootfs\"}"
#define SPACES  "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"network\"}]"
#define CONFIG(process, more, linux_more)                                                          \
	"{\"ociVersion\":\"1.0.2\"," process "," ROOT more ",\"linux\":{" SPACES linux_more "}}"
#define WITH_PROCESS(text) CONFIG("\"process\":{" text "}", "", "")
#define WITH_TOP(text)     CONFIG(PROCESS, "," text, "")
#define WITH_LINUX(text)   CONFIG(PROCESS, "", "," text)
#define ARGS               "\"args\":[\"sh\"],\"cwd\":\"/\","

/* JSON is easier to read in C with ' in place of ". */
static inline const char *quoted(struct arena *arena, const char *text)
{
	char *json = arena_strdup(arena, text);

	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	return json;
}

/* One section of a config, and the whole line that refuses it; NULL: it is right. */
struct section_case {
	const char *section, *line;
};

/* What stands around the section. */
struct frame {
	const char *before, *after;
};

#define HEAD "{'ociVersion':'1.2.0','root':{'path':'r'},"
__attribute__((unused)) static const struct frame in_process = {
	HEAD "'process':{'args':['a'],'cwd':'/',",
	"},'linux':{'namespaces':[{'type':'mount'}]}}",
};
__attribute__((unused)) static const struct frame in_linux = {
	HEAD "'process':{'args':['a'],'cwd':'/'},'linux':{'namespaces':[{'type':'mount'},"
	     "{'type':'network'}],",
	"}}",
};
__attribute__((unused)) static const struct frame at_top = {
	HEAD "'process':{'args':['a'],'cwd':'/'},'linux':{'namespaces':[{'type':'mount'},"
	     "{'type':'uts'}]},",
	"}",
};
static inline bool parse_section(struct arena *arena, const struct frame *frame,
				 const char *section, struct spec *spec, struct error *err)
{
	const char *text =
		quoted(arena, arena_printf(arena, "%s%s%s", frame->before, section, frame->after));

	return spec_parse(arena, text, strlen(text), spec, err);
}

static inline void check_section(const struct frame *frame, const struct section_case *test)
{
	struct arena arena = { 0 };
	struct spec spec;
	struct error err;
	bool is_good = parse_section(&arena, frame, test->section, &spec, &err);

	if (test->line)
		check_text(is_good ? "accepted" : err.text, test->line, "%s", test->section);
	else
		check_ok(is_good, &err, "%s", test->section);
	arena_done(&arena);
}

#endif
