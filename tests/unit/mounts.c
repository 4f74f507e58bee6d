/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/mounts.h"

#include "tests/unit/tap.h"

static void test_volume(void)
{
	autoarena struct arena arena = { 0 };
	struct mounts mounts = { .arena = &arena };
	struct error err;

	check_ok(mounts_add_volume(&mounts, "/a/../b:/x/:ro,z", &err), &err, "a bind");
	check_text(mounts.items[0].source, "/b", "its source is cleaned");
	check_text(mounts.items[0].target, "/x", "its target is cleaned");
	check(mounts.items[0].kind == MOUNT_BIND && mounts.items[0].is_readonly, "read-only");
	check_ok(mounts_add_volume(&mounts, "data:/d:nocopy", &err), &err, "a volume");
	check(mounts.items[1].kind == MOUNT_VOLUME && !mounts.items[1].is_copied_up, "nocopy");
	check_ok(mounts_add_volume(&mounts, "/anonymous/deep", &err), &err, "one without a name");
	check(mounts.items[2].is_anonymous && !mounts.items[2].source, "named later");
	check_ok(mounts_add_declared(&mounts, "/d", &err), &err, "an image's volume");
	check_int((long long)mounts.count, 3, "the user's mount there wins");
	check_ok(mounts_add_tmpfs(&mounts, "/t:size=1m,mode=700", &err), &err, "a tmpfs");
	check_text(mounts.items[3].options, "size=1m,mode=700", "its options");
	check_ok(mounts_add_declared(&mounts, "rel/ative/", &err), &err,
		 "an image's without a slash");
	check_text(mounts.items[4].target, "/rel/ative", "it is below the root");
	check_ok(mounts_add_volume(&mounts, "too", &err), &err, "and so is the user's");
	check_text(mounts.items[5].target, "/too", "where it is");
	check_error(mounts_add_declared(&mounts, ".", &err), &err, ERROR_INPUT, "can't be '/'",
		    "but not the root itself");
	check_error(mounts_add_declared(&mounts, "a/../../x", &err), &err, ERROR_INPUT,
		    "must be absolute", "nor what leads above it");
	mounts_sort(&mounts);
	check_text(mounts.items[4].target, "/anonymous/deep", "the deepest come last");
}

static void test_mount(void)
{
	autoarena struct arena arena = { 0 };
	struct mounts mounts = { .arena = &arena };
	struct error err;

	check_ok(mounts_add_mount(&mounts, "type=bind,src=/tmp,dst=/x,readonly", &err), &err,
		 "bind");
	check(mounts.items[0].is_readonly && mounts.items[0].is_source_needed, "read-only bind");
	check_ok(mounts_add_mount(&mounts, "target=/v", &err), &err, "a volume is the default");
	check(mounts.items[1].is_anonymous, "without a name");
	check_ok(mounts_add_mount(&mounts, "type=tmpfs,\"target=/a,b\",tmpfs-size=1m", &err), &err,
		 "quotes protect a comma");
	check_text(mounts.items[2].target, "/a,b", "the target with a comma");
}

static void test_refused(void)
{
	static const struct {
		bool (*add)(struct mounts *, const char *, struct error *);
		const char *text, *why;
	} cases[] = {
		{ mounts_add_volume, "/tmp:rel", "mount path must be absolute" },
		{ mounts_add_volume, "/tmp:/", "destination can't be '/'" },
		{ mounts_add_volume, "/tmp:/x/..", "destination can't be '/'" },
		{ mounts_add_volume, ":/x", "empty section between colons" },
		{ mounts_add_volume, "/tmp:", "empty section between colons" },
		{ mounts_add_volume, "/tmp:/x:bogus", "invalid mode: bogus" },
		{ mounts_add_volume, "rel/path:/x", "includes invalid characters" },
		{ mounts_add_volume, "a:/x:ro:z", "invalid volume specification" },
		{ mounts_add_mount, "src=/tmp", "target is required" },
		{ mounts_add_mount, "type=bogus,target=/x", "mount type unknown" },
		{ mounts_add_mount, "foo=bar,target=/x", "unexpected key 'foo' in 'foo=bar'" },
		{ mounts_add_mount, "type=bind,src=/nonexistent,dst=/x", "does not exist" },
		{ mounts_add_mount, "type=bind,src=name,dst=/x", "mount path must be absolute" },
		{ mounts_add_mount, "type=bind,dst=/x", "must not be empty" },
		{ mounts_add_tmpfs, "rel", "mount path must be absolute" },
		{ mounts_add_tmpfs, "/x:foo", "invalid tmpfs option [\"foo\"]" },
		{ mounts_add_tmpfs, "/x:rw,size", "invalid tmpfs option [\"size\"]" },
		{ mounts_add_tmpfs, "/x:foo=1=2,rw", "invalid tmpfs option [\"foo\" \"1=2\"]" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		struct mounts mounts = { .arena = &arena };
		struct error err;

		check_error(cases[i].add(&mounts, cases[i].text, &err), &err, ERROR_INPUT,
			    cases[i].why, "%s", cases[i].text);
	}
}

static void test_twice(void)
{
	autoarena struct arena arena = { 0 };
	struct mounts mounts = { .arena = &arena };
	struct error err;

	check_ok(mounts_add_volume(&mounts, "/tmp:/x", &err), &err, "the first");
	check_error(mounts_add_tmpfs(&mounts, "/x/.", &err), &err, ERROR_INPUT,
		    "Duplicate mount point: /x", "the same target again");
	check_ok(mounts_add_volume(&mounts, "/x", &err), &err, "a wish for a volume there");
	check_int((long long)mounts.count, 1, "which gives way");
	check_ok(mounts_add_volume(&mounts, "/y", &err), &err, "one that comes first");
	check_ok(mounts_add_mount(&mounts, "type=tmpfs,dst=/y", &err), &err, "and then another");
	check_int((long long)mounts.count, 2, "which replaces it");
	check_ok(mounts_add_tmpfs(&mounts, "/y", &err), &err, "a tmpfs by --mount and --tmpfs");
	check_int((long long)mounts.count, 3, "which are two");
	check_error(mounts_add_mount(&mounts, "type=tmpfs,dst=/y", &err), &err, ERROR_INPUT,
		    "Duplicate mount point: /y", "the same --mount again");
	const struct container container = { .mounts = mounts.items, .mount_count = 3 };
	check(mounts_is_hidden(&container, &mounts.items[1]), "the one is hidden");
	check(!mounts_is_hidden(&container, &mounts.items[2]), "by the other");
}

int main(void)
{
	test_volume();
	test_mount();
	test_refused();
	test_twice();
	return tap_done();
}
