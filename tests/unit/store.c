/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images made of a record and empty layers: what finding, naming and removing them does to the
 * store.
 */
#include "image/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/layout.h"
#include "image/limits.h"
#include "image/names.h"
#include "image/prune.h"
#include "image/record.h"
#include "tests/unit/tap.h"

static struct store store;
static struct arena arena;

/* A digest of 64 times the same digit, but for the first two. */
static struct digest digest_of(const char *begin, char rest)
{
	struct digest digest;
	struct error err;
	char hex[DIGEST_HEX_LENGTH + 1] = { 0 };

	memset(hex, rest, DIGEST_HEX_LENGTH);
	memcpy(hex, begin, strlen(begin));
	if (!digest_parse_hex(&digest, hex, &err))
		check(false, "%s", err.text);
	return digest;
}

static void make_layer(const struct digest *chain, int64_t size)
{
	struct layout_path path = layout_layer(chain), diff = layout_diff(chain);
	struct layer_info info = { *chain, size, 1, 0 };
	struct error err;

	mkdirat(store.root, path.text, 0700);
	mkdirat(store.root, diff.text, 0755);

	autoclose int dir = openat(store.root, path.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	check_ok(layer_info_write(dir, &info, &err), &err, "make layer %s", path.text);
}

static bool is_there(const char *path)
{
	return faccessat(store.root, path, F_OK, 0) == 0;
}

static bool has_layer(const struct digest *chain)
{
	struct layout_path path = layout_layer(chain);

	return is_there(path.text);
}

/* An image of two layers, "COMMON" and its own. */
static struct digest make_image(const char *id, const char *created, const struct digest *common)
{
	struct digest chains[2] = { *common, digest_of(id, 'e') };
	struct store_image image = { .id = digest_of(id, '0'),
				     .chains = chains,
				     .diff_ids = chains,
				     .layer_count = 2,
				     .size = 30,
				     .config = { .os = "linux",
						 .architecture = "amd64",
						 .variant = "",
						 .created = created,
						 .stop_timeout = -1 } };
	struct layout_path blob = layout_blob(&image.id), record = record_path(&image.id);
	autobuf struct buf text;
	struct error err;

	make_layer(&chains[0], 10);
	make_layer(&chains[1], 20);
	check_ok(file_replace(store.root, blob.text, "{}", 2, 0600, FILE_VOLATILE, &err), &err,
		 "make blob");
	buf_init(&text, LIMIT_STORE_JSON);
	check_ok(record_print(&image, &text, &err) &&
			 file_replace(store.root, record.text, text.data, text.length, 0600,
				      FILE_VOLATILE, &err),
		 &err, "make image %s", id);
	return image.id;
}

static void tag(const struct digest *id, const char *name)
{
	struct reference reference;
	struct error err;

	check_ok(reference_parse(&reference, name, &err) && store_tag(&store, id, &reference, &err),
		 &err, "tag %s", name);
}

/* The names of pulls, which store_tag does not make. */
static void name_by_digest(const struct digest *id, const char *name)
{
	struct names names;
	struct error err;

	check_ok(names_read(&store, &arena, &names, &err), &err, "read names");
	names_set(&names, name, id);
	check_ok(names_write(&store, &names, &err), &err, "name %s", name);
}

static void check_find(const char *name, const struct digest *id)
{
	struct store_image image;
	struct error err;

	if (check_ok(store_find(&store, &arena, name, &image, &err), &err, "find %s", name))
		check_text(image.id.text, id->text, "what %s is", name);
}

static void check_missing(const char *name, enum error_kind kind, const char *part)
{
	struct store_image image;
	struct error err;

	check_error(store_find(&store, &arena, name, &image, &err), &err, kind, part, "find %s",
		    name);
}

/* -- finding ------------------------------------------------------------------------------------
 */

static struct digest common, first, second, dangling;

#define BY_DIGEST                                                                                  \
	"docker.io/library/first@sha256:"                                                          \
	"1111111111111111111111111111111111111111111111111111111111111111"

static void test_find(void)
{
	check_missing("nothing", ERROR_NOT_FOUND, "No such image: nothing:latest");
	common = digest_of("cc", 'c');
	first = make_image("aa1", "2024-01-01T00:00:00Z", &common);
	second = make_image("aa2", "2024-06-01T00:00:00Z", &common);
	dangling = make_image("bb", "2023-01-01T00:00:00Z", &common);
	tag(&first, "first:1");
	tag(&first, "127.0.0.1:5000/other/first:2");
	tag(&second, "second");
	name_by_digest(&first, BY_DIGEST);

	check_find("first:1", &first);
	check_find("docker.io/library/first:1", &first);
	check_find("index.docker.io/first:1", &first);
	check_find("127.0.0.1:5000/other/first:2", &first);
	check_find(BY_DIGEST, &first);
	check_find("second", &second);
	check_find("second:latest", &second);
	check_find(first.text, &first);
	check_find(digest_hex(&first), &first);
	check_find("aa1", &first);
	check_find("sha256:aa1", &first);
	check_find("bb", &dangling);

	check_missing("first", ERROR_NOT_FOUND, "No such image: first:latest");
	check_missing("first:3", ERROR_NOT_FOUND, "No such image: first:3");
	check_missing("aa", ERROR_INPUT, "beginning of 2 image IDs");
	check_missing("aa3", ERROR_NOT_FOUND, "No such image: aa3:latest");
	check_missing("UPPER", ERROR_INPUT, "invalid reference format");
	check_missing("../names", ERROR_INPUT, "invalid reference format");
	check_missing("", ERROR_INPUT, "invalid reference format");
}

static void test_list(void)
{
	struct store_image *images;
	struct error err;
	size_t count = 0;

	check_ok(store_list(&store, &arena, &images, &count, &err), &err, "list");
	if (!check_int((long long)count, 3, "images"))
		return;
	check_text(images[0].id.text, second.text, "the newest is first");
	check_text(images[2].id.text, dangling.text, "the oldest is last");
	check_int((long long)images[1].name_count, 2, "tags of the first image");
	check_text(images[1].names[0], "127.0.0.1:5000/other/first:2", "sorted");
	check_int((long long)images[1].digest_count, 1, "digests of the first image");
	check_text(images[1].digests[0], BY_DIGEST, "its digest");
	check_int((long long)images[2].name_count, 0, "names of the dangling image");
	check_int(images[0].size, 30, "size");
	check_int((long long)images[0].layer_count, 2, "layers");
	check_text(images[0].chains[0].text, common.text, "the lowest layer is first");
	check_text(images[0].config.architecture, "amd64", "configuration");
}

/* -- removing -----------------------------------------------------------------------------------
 */

struct users {
	const struct digest *used; /* NULL: none */
	bool is_running;
};

static bool find_user(void *context, const struct digest *image, struct store_user *user,
		      struct error *err)
{
	const struct users *users = context;

	(void)err;
	*user = (struct store_user){ 0 };
	if (!users->used || !digest_is_equal(users->used, image))
		return true;
	*user = (struct store_user){ .container = "0123456789ab", .is_running = users->is_running };
	return true;
}

/* `expected`: what is untagged and deleted, blank-separated, image IDs and layers by 3 digits. */
static void check_remove(const char *name, bool is_forced, struct users users, const char *expected)
{
	struct store_usage usage = { find_user, &users };
	struct store_removal removal = { 0 };
	autobuf struct buf text;
	struct error err;

	buf_init(&text, 4096);
	if (check_ok(store_remove(&store, &arena, name, is_forced, &usage, &removal, &err), &err,
		     "remove %s", name)) {
		for (size_t i = 0; i < removal.untagged.count; i++)
			buf_printf(&text, "%s ", removal.untagged.items[i]);
		for (size_t i = 0; i < removal.deleted.count; i++)
			buf_printf(&text, "-%.3s ", removal.deleted.items[i] + 7);
		check_text(text.data ? text.data : "", expected, "what went with %s", name);
	}
	store_removal_done(&removal);
}

static void check_kept(const char *name, bool is_forced, struct users users, const char *part)
{
	struct store_usage usage = { find_user, &users };
	struct store_removal removal = { 0 };
	struct error err;

	check_error(store_remove(&store, &arena, name, is_forced, &usage, &removal, &err), &err,
		    ERROR_EXISTS, part, "remove %s", name);
	store_removal_done(&removal);
	check_find(name, &first);
}

static void test_remove(void)
{
	const struct users nobody = { 0 }, stopped = { &first, false }, running = { &first, true };

	check_kept("aa1", false, nobody,
		   "conflict: unable to delete aa1000000000 (must be forced) - image is "
		   "referenced in multiple repositories");
	check_kept("aa1", true, running,
		   "conflict: unable to delete aa1000000000 (cannot be forced) - image is being "
		   "used by running container 0123456789ab");
	check_remove("127.0.0.1:5000/other/first:2", false, stopped,
		     "127.0.0.1:5000/other/first:2 ");
	check_kept("first:1", false, stopped,
		   "conflict: unable to remove repository reference \"first:1\" (must force) - "
		   "container 0123456789ab is using its referenced image aa1000000000");
	check_kept("aa1", false, stopped,
		   "(must be forced) - image is being used by stopped container 0123456789ab");
	check_remove("first:1", true, running,
		     "first:1 first@sha256:111111111111111111111111111111111111111111111111111111"
		     "1111111111 ");
	check_find("aa1", &first);
	check_remove("aa1", false, nobody, "-aa1 -aa1 ");
	check(has_layer(&common), "a shared layer stays");
	check_missing("aa1", ERROR_NOT_FOUND, "No such image");
	check(!is_there("blobs/sha256/aa1000000000000000000000000000000000000000000000000000000000"
			"0000"),
	      "its blob is gone");
	check_remove("second", false, nobody, "second:latest -aa2 -aa2 ");
	check_remove("bb", false, nobody, "-bb0 -bbe -ccc ");
	check(!has_layer(&common), "the shared layer went with the last one");
	check_missing("second", ERROR_NOT_FOUND, "No such image: second:latest");
}

/* A tag moves: the image it leaves is dangling. */
static void test_retag(void)
{
	struct store_image image;
	struct error err;

	first = make_image("aa1", "2024-01-01T00:00:00Z", &common);
	second = make_image("aa2", "2024-06-01T00:00:00Z", &common);
	tag(&first, "name");
	tag(&second, "name");
	check_find("name", &second);
	check_ok(store_get(&store, &arena, &first, &image, &err), &err, "the other image");
	check_int((long long)image.name_count, 0, "has no name now");

	struct digest missing = digest_of("dd", 'd');
	struct reference reference;

	check_ok(reference_parse(&reference, "x", &err), &err, "parse");
	check_error(store_tag(&store, &missing, &reference, &err), &err, ERROR_NOT_FOUND,
		    "No such image", "tag what is not there");
}

/* -- pruning ------------------------------------------------------------------------------------
 */

static size_t prune(const struct prune *how, struct users users)
{
	struct store_usage usage = { find_user, &users };
	struct store_removal removal = { 0 };
	struct error err;

	check_ok(prune_images(&store, &arena, how, &usage, &removal, &err), &err, "prune");

	size_t count = removal.deleted.count;

	store_removal_done(&removal);
	return count;
}

static void test_prune(void)
{
	const struct prune gently = { 0 }, all = { .is_all = true },
			   old = { .is_all = true, .until = 1704067200 - 1 };

	check_int((long long)prune(&gently, (struct users){ &first, false }), 0,
		  "a dangling image in use stays");
	check_int((long long)prune(&old, (struct users){ 0 }), 0, "nothing is that old");
	check_int((long long)prune(&gently, (struct users){ 0 }), 2, "it and its layer go");
	check_find("name", &second);
	check_int((long long)prune(&all, (struct users){ 0 }), 3, "everything goes");
	check_missing("name", ERROR_NOT_FOUND, "No such image");
}

static void test_rubbish(void)
{
	struct digest busy = digest_of("b1", '1'), lost = digest_of("b2", '2');
	struct layout_path path = layout_layer(&busy);
	struct error err;
	int64_t bytes = 0;

	make_layer(&busy, 5);
	make_layer(&lost, 7);
	mkdirat(store.root, "staging/layer-x", 0700);
	mkdirat(store.root, "staging/layer-x/diff", 0700);
	mkdirat(store.root, "staging/layer-y", 0700);

	autoclose int pulling = openat(store.root, path.text, O_RDONLY | O_CLOEXEC);
	autoclose int working = openat(store.root, "staging/layer-y", O_RDONLY | O_CLOEXEC);

	check(flock(pulling, LOCK_SH) == 0 && flock(working, LOCK_EX) == 0, "lock");
	check_ok(prune_rubbish(&store, true, &bytes, &err), &err, "prune rubbish");
	check(has_layer(&busy), "a layer that a pull relies on stays");
	check(!has_layer(&lost), "a layer of no image goes");
	check_int(bytes, 7, "and is counted");
	check(!is_there("staging/layer-x"), "unfinished work goes");
	check(is_there("staging/layer-y"), "but not while it is being done");
}

static void test_broken(void)
{
	struct store_image *images;
	struct error err;
	size_t count;

	check_ok(file_replace(store.root, "images/names.json", "{\"a\":\"../../x\"}", 15, 0600,
			      FILE_VOLATILE, &err),
		 &err, "prepare");
	check_error(store_list(&store, &arena, &images, &count, &err), &err, ERROR_INPUT,
		    "images/names.json", "names that lead to no image ID");
	unlinkat(store.root, "images/names.json", 0);
	check_error(store_open("/proc/self/nothing", &(struct store){ .root = -1 }, &err), &err,
		    ERROR_NOT_FOUND, "/proc/self/nothing", "a store that cannot be made");
}

int main(void)
{
	struct error err;
	autofree char *path = mem_printf("%s/a/root", tap_dir());
	struct stat info;

	if (!check_ok(store_open(path, &store, &err), &err, "a store is made"))
		return tap_done();
	check(stat(path, &info) == 0 && (info.st_mode & 07777) == 0711,
	      "only traversable by others");
	test_find();
	test_list();
	test_remove();
	test_retag();
	test_prune();
	test_rubbish();
	test_broken();
	store_close(&store);
	store_close(&store);
	arena_done(&arena);
	return tap_done();
}
