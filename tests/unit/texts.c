/* SPDX-License-Identifier: Apache-2.0 */
#include "base/texts.h"

#include "base/mem.h"
#include "tests/unit/tap.h"

int main(void)
{
	static const char *const more[] = { "x", "y", "z" };
	autoarena struct arena arena = { 0 };
	struct texts texts = { 0 };
	bool is_terminated = true, is_kept = true;

	check(!texts_has(&texts, "x"), "an empty list has nothing");
	texts_add_all(&texts, more, 0);
	check(!texts.items, "adding nothing leaves it empty");
	for (int i = 0; i < 5000; i++) {
		texts_add(&texts, arena_printf(&arena, "text %d", i));
		is_terminated = is_terminated && !texts.items[texts.count];
	}
	for (int i = 0; i < 5000; i++)
		is_kept =
			is_kept && strcmp(texts.items[i], arena_printf(&arena, "text %d", i)) == 0;
	check(is_terminated, "it ends in NULL at any size");
	check(is_kept, "and keeps all in order");
	texts_add_all(&texts, more, COUNT_OF(more));
	check_int((long long)texts.count, 5003, "texts_add_all");
	check(texts_has(&texts, "z") && !texts_has(&texts, "text"),
	      "texts_has wants the whole text");
	texts.count = 3;
	check_text(texts_join(&texts, &arena, ", "), "text 0, text 1, text 2", "texts_join");
	texts.count = 0;
	check_text(texts_join(&texts, &arena, ", "), "", "of nothing");
	struct texts kept = { 0 };

	for (int i = 0; i < 3; i++)
		texts_add_in(&kept, &arena, more[i]);
	check_text(texts_join(&kept, &arena, ""), "xyz", "texts_add_in");
	check(!kept.items[kept.count], "and it ends in NULL");
	texts_done(&texts);
	texts_done(&texts);
	check(!texts.items && texts.count == 0, "texts_done leaves it empty, and may come twice");
	return tap_done();
}
