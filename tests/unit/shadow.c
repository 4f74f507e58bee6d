/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/shadow.h"

#include "tests/unit/tap.h"

/* The text with every "timestamp":NUMBER made "timestamp":T. */
static const char *timeless(const char *text)
{
	static char out[8192];
	size_t length = 0;

	while (*text && length < sizeof(out) - 32) {
		if (strncmp(text, "\"timestamp\":", 12) == 0 && text[12] >= '0' &&
		    text[12] <= '9') {
			length += (size_t)snprintf(out + length, 16, "\"timestamp\":T");
			text += 12 + strspn(text + 12, "0123456789");
		} else {
			out[length++] = *text++;
		}
	}
	out[length] = '\0';
	return out;
}

static bool update(const struct shadow_id *id, const char *document, struct arena *arena,
		   struct shadow_change *change, struct error *err)
{
	*change = (struct shadow_change){ 0 };
	return shadow_update(id, document, strlen(document), arena, change, err);
}

static void test_life(void)
{
	struct shadow_id id = { .data = tap_dir(), .thing = "lamp", .name = "" };
	autoarena struct arena arena = { 0 };
	struct shadow_change change;
	const char *document = NULL;
	struct error err;

	check_error(shadow_get(&id, &arena, &document, &err), &err, ERROR_NOT_FOUND, "lamp",
		    "none yet");
	check_ok(update(&id,
			"{\"state\":{\"desired\":{\"on\":true,\"color\":{\"r\":1,\"g\":2}}},"
			"\"clientToken\":\"c1\"}",
			&arena, &change, &err),
		 &err, "made");
	check_text(
		timeless(change.accepted),
		"{\"state\":{\"desired\":{\"on\":true,\"color\":{\"r\":1,\"g\":2}}},\"metadata\":{"
		"\"desired\":{\"on\":{\"timestamp\":T},\"color\":{\"r\":{\"timestamp\":T},\"g\":{"
		"\"timestamp\":T}}}},\"version\":1,\"timestamp\":T,\"clientToken\":\"c1\"}",
		"accepted");
	check_text(timeless(change.delta),
		   "{\"version\":1,\"timestamp\":T,\"state\":{\"on\":true,\"color\":{\"r\":1,\"g\":"
		   "2}},"
		   "\"clientToken\":\"c1\"}",
		   "all of it is to be done");
	check_ok(update(&id,
			"{\"state\":{\"reported\":{\"on\":true,\"color\":{\"r\":1,\"g\":9},"
			"\"list\":[1,2]}},\"version\":1}",
			&arena, &change, &err),
		 &err, "reported, with the right version");
	check_text(timeless(change.delta),
		   "{\"version\":2,\"timestamp\":T,\"state\":{\"color\":{\"g\":2}}}", "the rest");
	check(strstr(change.documents, "{\"previous\":{\"state\":{\"desired\":{\"on\":true") &&
		      strstr(change.documents, "\"current\":{\"state\":{\"desired\""),
	      "before and after");
	check_error(update(&id, "{\"state\":{},\"version\":1}", &arena, &change, &err), &err,
		    ERROR_EXISTS, "Version conflict", "an old version");
	check_ok(update(&id, "{\"state\":{\"desired\":{\"color\":null},\"reported\":null}}", &arena,
			&change, &err),
		 &err, "taken away");
	check_ok(shadow_get(&id, &arena, &document, &err), &err, "get");
	check_text(timeless(document),
		   "{\"state\":{\"desired\":{\"on\":true},\"delta\":{\"on\":true}},\"metadata\":{"
		   "\"desired\":{\"on\":{\"timestamp\":T}}},\"version\":3,\"timestamp\":T}",
		   "what is left");
	check_ok(shadow_delete(&id, &arena, &document, &err), &err, "deleted");
	check_text(timeless(document), "{\"version\":3,\"timestamp\":T}", "the last version");
	check_error(shadow_get(&id, &arena, &document, &err), &err, ERROR_NOT_FOUND, "No shadow",
		    "gone");
	check_error(shadow_delete(&id, &arena, &document, &err), &err, ERROR_NOT_FOUND, "No shadow",
		    "twice");
	check_ok(update(&id, "{\"state\":{\"desired\":{\"a\":1}}}", &arena, &change, &err), &err,
		 "made again");
	check(strstr(change.accepted, "\"version\":5"), "versions never go back");
}

static void test_names(void)
{
	struct shadow_id id = { .data = tap_dir(), .thing = "many", .name = "" };
	autoarena struct arena arena = { 0 };
	autotexts struct texts names = { 0 };
	struct shadow_change change;
	const char *document;
	struct error err;
	int made = 0;

	check_ok(shadow_list(&id, &arena, &names, &err), &err, "a thing without shadows");
	check_int((long long)names.count, 0, "has none");
	for (int i = 0; i < SHADOWS_MAX + 5; i++) {
		id.name = arena_printf(&arena, "s%03d", i);
		made += update(&id, "{\"state\":{}}", &arena, &change, &err);
	}
	check_int(made, SHADOWS_MAX, "as many as are kept");
	check_error(false, &err, ERROR_NO_SPACE, "no more", "and then it says so");
	id.name = "s050";
	check_ok(shadow_delete(&id, &arena, &document, &err), &err, "one deleted");
	check_ok(shadow_list(&id, &arena, &names, &err), &err, "list");
	check(names.count == SHADOWS_MAX - 1 && strcmp(names.items[0], "s000") == 0 &&
		      strcmp(names.items[50], "s051") == 0,
	      "in order, without the one that is gone");

	static const struct {
		const char *thing, *name;
		bool is_good;
	} table[] = {
		{ "a:b_c-D9", "n", true },  { "", "n", false },  { "a/b", "n", false },
		{ "a", "../x", false },     { ".", "n", false }, { "a", ".", false },
		{ "a", "\xc3\xa4", false }, { "a", "", true },
	};

	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct shadow_id other = { tap_dir(), table[i].thing, table[i].name };

		check_int(shadow_check(&other, &err), table[i].is_good, "\"%s\" \"%s\"",
			  table[i].thing, table[i].name);
	}
}

static void test_bad(void)
{
	static const struct {
		const char *document, *part;
	} table[] = {
		{ "", "payload" },
		{ "[]", "payload" },
		{ "{}", "state is missing" },
		{ "{\"state\":7}", "an object" },
		{ "{\"state\":{\"delta\":{}}}", "only desired and reported" },
		{ "{\"state\":{\"desired\":7}}", "an object" },
		{ "{\"state\":{\"desired\":{}},\"version\":\"x\"}", "version" },
		{ "{\"state\":{\"desired\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":"
		  "1}}}}}}}}}}",
		  "6 levels" },
	};
	struct shadow_id id = { .data = tap_dir(), .thing = "bad", .name = "" };
	autoarena struct arena arena = { 0 };
	static char large[SHADOW_DOCUMENT_MAX + 64];
	struct shadow_change change;
	const char *document;
	struct error err;

	for (size_t i = 0; i < COUNT_OF(table); i++)
		check_error(update(&id, table[i].document, &arena, &change, &err), &err,
			    ERROR_INPUT, table[i].part, "%s", table[i].document);
	check_error(shadow_get(&id, &arena, &document, &err), &err, ERROR_NOT_FOUND, "No shadow",
		    "nothing was made");
	for (int i = 0; i < 3; i++) {
		snprintf(large, sizeof(large), "{\"state\":{\"desired\":{\"k%d\":\"", i);
		memset(large + strlen(large), 'x', 3500);
		strcpy(large + 3500, "\"}}}");
		check(update(&id, large, &arena, &change, &err) == (i < 2), "%d times 3.5 KB",
		      i + 1);
	}
	check_error(false, &err, ERROR_INPUT, "8192", "the state is limited, too");
}

int main(void)
{
	test_life();
	test_names();
	test_bad();
	return tap_done();
}
