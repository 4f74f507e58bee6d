/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts in a mount namespace of the test's own. Needs root.
 */
#include "image/rootfs.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/layout.h"
#include "image/limits.h"
#include "tests/unit/tap.h"

static struct store store;
static struct digest chains[LIMIT_LAYERS];
static char *upper, *work, *target;

static void put(int dir, const char *name, const char *text)
{
	struct error err;

	if (!file_replace(dir, name, text, strlen(text), 0644, FILE_VOLATILE, &err))
		check(false, "prepare %s: %s", name, err.text);
}

/* Layer i has the files "all" (its number) and "only-i". */
static void make_layers(void)
{
	for (int i = 0; i < LIMIT_LAYERS; i++) {
		char hex[DIGEST_HEX_LENGTH + 1], name[32], number[16];
		struct layout_path layer, diff;
		struct error err;

		snprintf(hex, sizeof(hex), "%064d", i);
		if (!digest_parse_hex(&chains[i], hex, &err))
			check(false, "%s", err.text);
		layer = layout_layer(&chains[i]);
		diff = layout_diff(&chains[i]);
		mkdirat(store.root, layer.text, 0700);
		mkdirat(store.root, diff.text, 0755);

		autoclose int dir = openat(store.root, diff.text, O_RDONLY | O_CLOEXEC);

		snprintf(name, sizeof(name), "only-%d", i);
		snprintf(number, sizeof(number), "%d", i);
		put(dir, name, "");
		put(dir, "all", number);
	}
}

/* Fresh directories with names that need escaping in mount options. */
static void make_places(int number)
{
	struct error err;

	free(upper);
	free(work);
	free(target);
	upper = mem_printf("%s/c,o:n\\t%d/upper", store.path, number);
	work = mem_printf("%s/c,o:n\\t%d/work", store.path, number);
	target = mem_printf("%s/c,o:n\\t%d/rootfs", store.path, number);
	check_ok(path_make_own_dirs(upper, 0755, &err) && path_make_own_dirs(work, 0755, &err) &&
			 path_make_own_dirs(target, 0755, &err),
		 &err, "make directories");
}

static void check_mounted(int layers)
{
	autobuf struct buf text;
	autofree char *all = mem_printf("%s/all", target), *first = mem_printf("%s/only-0", target),
		      *fresh = mem_printf("%s/new", target), *kept = mem_printf("%s/new", upper);
	char top[16];
	struct error err;

	buf_init(&text, 100);
	snprintf(top, sizeof(top), "%d", layers - 1);
	if (layers > 0) {
		check_ok(file_read(AT_FDCWD, all, &text, &err), &err, "read a file");
		check_text(text.data, top, "the top layer wins");
		check(access(first, F_OK) == 0, "the lowest layer is there");
	}
	put(AT_FDCWD, fresh, "x");
	check(access(kept, F_OK) == 0, "what is written goes to the upper directory");
}

static void test_mount(int number, int layers, bool is_volatile)
{
	struct rootfs rootfs = { .chains = chains,
				 .layer_count = (size_t)layers,
				 .is_volatile = is_volatile };
	char before[4096] = "", after[4096] = "";
	struct error err;

	make_places(number);
	rootfs.upper = upper;
	rootfs.work = work;
	rootfs.target = target;
	check(getcwd(before, sizeof(before)) != NULL, "working directory");
	if (!check_ok(rootfs_mount(&store, &rootfs, &err), &err, "mount %d layers%s", layers,
		      is_volatile ? ", volatile" : ""))
		return;
	check(getcwd(after, sizeof(after)) != NULL, "working directory");
	check_text(after, before, "the working directory is kept");
	check_mounted(layers);
	check(umount2(target, MNT_DETACH) == 0, "unmount");
}

/* What is in ROOT/footing, and what a layer makes of it. */
static void test_footing(void)
{
	struct rootfs rootfs = { .chains = chains, .layer_count = 1 };
	struct layout_path layer = layout_diff(&chains[0]);
	autoclose int diff = openat(store.root, layer.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autobuf struct buf text;
	char link[32] = "";
	struct stat info;
	struct error err;

	buf_init(&text, 100);
	make_places(98);
	rootfs.upper = upper;
	rootfs.work = work;
	rootfs.target = target;
	check(mkdirat(diff, "etc", 0700) == 0, "a layer with a directory of its own");
	put(diff, "etc/hosts", "image");
	check(mknodat(diff, "sys", S_IFCHR, 0) == 0, "that has removed another");
	if (!check_ok(rootfs_mount(&store, &rootfs, &err), &err, "mount it"))
		return;

	autoclose int root = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	check(fstatat(root, ".dockerenv", &info, 0) == 0 && info.st_size == 0, "the mark");
	check(readlinkat(root, "etc/mtab", link, sizeof(link) - 1) > 0, "a link");
	check_text(link, "/proc/mounts", "to the mounts");
	check_ok(file_read(root, "etc/hosts", &text, &err), &err, "read the layer's file");
	check_text(text.data, "image", "a layer's file hides ours");
	check(fstatat(root, "etc", &info, 0) == 0 && (info.st_mode & 07777) == 0700,
	      "a layer's directory counts");
	check(faccessat(root, "proc", F_OK, 0) == 0, "a directory to mount on");
	check(faccessat(root, "sys", F_OK, 0) < 0, "what a layer has removed is not there");
	check(umount2(target, MNT_DETACH) == 0, "unmount");
}

static void test_refused(void)
{
	struct digest missing = chains[0];
	struct rootfs rootfs = { .chains = &missing, .layer_count = 1 };
	struct error err;

	make_places(99);
	rootfs.upper = upper;
	rootfs.work = work;
	rootfs.target = target;
	missing.text[DIGEST_TEXT_LENGTH - 1] = 'f';
	check_error(rootfs_mount(&store, &rootfs, &err), &err, ERROR_NOT_FOUND, "layer missing",
		    "a layer that is not there");
	rootfs.layer_count = LIMIT_LAYERS + 1;
	check_error(rootfs_mount(&store, &rootfs, &err), &err, ERROR_UNSUPPORTED, "128 layers",
		    "too many layers");
}

int main(void)
{
	autofree char *path = mem_printf("%s/a directory, with: odd\\ characters", tap_dir());
	struct error err;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		tap_skip("overlay mounts", "needs root");
		return tap_done();
	}
	if (!check_ok(store_open(path, &store, &err), &err, "make a store"))
		return tap_done();
	make_layers();
	test_mount(0, 0, false);
	test_mount(1, 1, false);
	test_mount(2, 2, true);
	test_mount(3, 40, false);
	test_mount(4, 60, false);
	test_mount(5, LIMIT_LAYERS, false);
	test_mount(6, LIMIT_LAYERS, true);
	test_footing();
	test_refused();
	store_close(&store);
	free(upper);
	free(work);
	free(target);
	return tap_done();
}
