/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mooring-unpack: the side of a pull or a load that writes to disk. Started by image/pull.c and
 * image/archive.c; see docs/architecture.md. Failures are reported on descriptor 4 if someone
 * listens there, else on stderr.
 */
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/footprint.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/path.h"
#include "image/allowance.h"
#include "image/layout.h"
#include "image/pack.h"
#include "image/prune.h"
#include "image/report.h"
#include "image/unpack.h"
#include "image/unpack_confine.h"

struct arguments {
	const char *root;
	const char *reference;
	const char *platform;
	const char *parent;
	const char *object;
	bool is_upper, is_mirrored, is_keeping_blobs;
	int64_t limit, memory, ratio;
	struct texts again, rest;
};

static const char usage[] =
	"usage: mooring-unpack pull --root ROOT --reference REF [--platform OS/ARCH[/VARIANT]]\n"
	"                           [--again CHAIN]… [--mirrored]\n"
	"       mooring-unpack verify --root ROOT [NAME…]\n"
	"       mooring-unpack load --root ROOT [--platform P] [--object s3://BUCKET/KEY]\n"
	"       mooring-unpack push --root ROOT --reference REF\n"
	"       mooring-unpack save --root ROOT [--platform P] NAME…\n"
	"       mooring-unpack build --root ROOT [--parent ID] [--reference NAME] [--upper "
	"[BARE…]]\n"
	"       mooring-unpack pack --root ROOT [ENTRY [NAME]]\n"
	"pull, load, build: [--limit BYTES] for all layers together, [--memory BYTES] of all "
	"processes,\n"
	"                   [--keep-blobs] as they are pulled\n"
	"mooring starts it; descriptors and messages: docs/architecture.md\n";

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "reference", required_argument, NULL, 'n' },
		{ "platform", required_argument, NULL, 'p' },
		{ "parent", required_argument, NULL, 'b' },
		{ "upper", no_argument, NULL, 'u' },
		{ "mirrored", no_argument, NULL, 'm' },
		{ "again", required_argument, NULL, 'a' },
		{ "limit", required_argument, NULL, 'l' },
		{ "memory", required_argument, NULL, 'y' },
		{ "ratio", required_argument, NULL, 't' },
		{ "keep-blobs", no_argument, NULL, 'k' },
		{ "object", required_argument, NULL, 'o' },
		{ 0 },
	};
	int option;

	*arguments = (struct arguments){ 0 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			arguments->root = optarg;
		else if (option == 'n')
			arguments->reference = optarg;
		else if (option == 'p')
			arguments->platform = optarg;
		else if (option == 'b')
			arguments->parent = optarg;
		else if (option == 'u')
			arguments->is_upper = true;
		else if (option == 'm')
			arguments->is_mirrored = true;
		else if (option == 'a')
			texts_add(&arguments->again, optarg);
		else if (option == 'o')
			arguments->object = optarg;
		else if (option == 'l')
			arguments->limit = strtoll(optarg, NULL, 10);
		else if (option == 'y')
			arguments->memory = strtoll(optarg, NULL, 10);
		else if (option == 't')
			arguments->ratio = strtoll(optarg, NULL, 10);
		else if (option == 'k')
			arguments->is_keeping_blobs = true;
		else
			return false;
	}
	texts_add_all(&arguments->rest, (const char *const *)(argv + optind),
		      (size_t)(argc - optind));
	return arguments->root != NULL;
}

/* What would otherwise be loaded or read later, out of a root that is the store. */
static void prepare(void)
{
	struct rlimit files;
	struct digest ignored;

	signal(SIGPIPE, SIG_IGN);
	setlocale(LC_CTYPE, "C.UTF-8"); /* so that libarchive need not convert names */
	hash_digest("", 0, &ignored);   /* OpenSSL reads its configuration now or never */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max; /* three per layer of a piped archive */
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static bool pull(const struct arguments *arguments, const struct store *store, struct error *err)
{
	const struct unpack_pull what = { .fetch = UNPACK_FETCH,
					  .reference = arguments->reference,
					  .platform = arguments->platform,
					  .again = &arguments->again,
					  .is_mirrored = arguments->is_mirrored };

	return unpack_pull(store, &what, err);
}

static bool load(const struct arguments *arguments, const struct store *store, struct error *err)
{
	const struct unpack_load what = { .fd = UNPACK_ARCHIVE_IN,
					  .platform = arguments->platform,
					  .object = arguments->object,
					  .fetch = UNPACK_FETCH };

	return unpack_load(store, &what, err);
}

static bool build(const struct arguments *arguments, const struct store *store, struct error *err)
{
	const struct unpack_build what = { .parent = arguments->parent,
					   .name = arguments->reference,
					   .layer = UNPACK_ARCHIVE_IN,
					   .config = UNPACK_CONFIG,
					   .is_upper = arguments->is_upper,
					   .bare = &arguments->rest };

	return unpack_build(store, &what, err);
}

static bool pack(const struct arguments *arguments, struct error *err)
{
	const struct pack what = {
		.dir = UNPACK_ARCHIVE_IN,
		.only = arguments->rest.count > 0 ? arguments->rest.items[0] : NULL,
		.as = arguments->rest.count > 1 ? arguments->rest.items[1] : NULL
	};

	if (what.only && !path_is_component(what.only))
		return error_set(err, ERROR_INPUT, "%s: not the name of one entry", what.only);
	return pack_tree(&what, UNPACK_ARCHIVE_OUT, err);
}

static bool work(const char *command, const struct arguments *arguments, struct store *store,
		 struct error *err)
{
	if (strcmp(command, "pull") == 0 && arguments->reference)
		return pull(arguments, store, err);
	if (strcmp(command, "verify") == 0)
		return unpack_verify(store, &arguments->rest, err);
	if (strcmp(command, "push") == 0 && arguments->reference)
		return unpack_push(store, UNPACK_FETCH, arguments->reference, err);
	if (strcmp(command, "load") == 0)
		return load(arguments, store, err);
	if (strcmp(command, "save") == 0 && arguments->rest.count > 0)
		return unpack_save(store, &arguments->rest, arguments->platform, UNPACK_ARCHIVE_OUT,
				   err);
	if (strcmp(command, "build") == 0)
		return build(arguments, store, err);
	if (strcmp(command, "pack") == 0)
		return pack(arguments, err);
	return error_set(err, ERROR_INPUT, "%s: unknown command, or something is missing", command);
}

/* The store is made if it is not there, entered, and opened again as "/". */
static bool open_store(const char *root, struct store *store, struct error *err)
{
	if (!store_open(root, store, err))
		return false;
	store_close(store);
	return confine_to_store(root, err) && store_open(".", store, err);
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	struct store store = { .root = -1 };
	struct allowance allowance = { .turn = -1, .spare = -1 };
	struct error err, ignored;

	log_set_program("mooring-unpack");
	if (argc < 2 || !read_arguments(argc - 1, argv + 1, &arguments)) {
		fputs(usage, stderr);
		return 2;
	}
	prepare();

	bool is_good = open_store(arguments.root, &store, &err) &&
		       allowance_open(arguments.memory, &allowance, &err);

	store.allowance = &allowance;
	store.limit = arguments.limit;
	store.memory = arguments.memory;
	store.ratio = arguments.ratio;
	store.is_keeping_blobs = arguments.is_keeping_blobs;
	footprint_shrink();
	if (is_good) {
		(void)!prune_rubbish(&store, false, NULL, &ignored); /* make room first */
		is_good = work(argv[1], &arguments, &store, &err);
		if (!is_good && err.kind == ERROR_NO_SPACE) /* nothing of it is worth the space */
			(void)!prune_rubbish(&store, true, NULL, &ignored);
	}
	if (!is_good && fcntl(REPORT_FD, F_GETFD) >= 0)
		report_failure(&err);
	else if (!is_good)
		log_error("%s", err.text);
	store_close(&store);
	allowance_close(&allowance);
	texts_done(&arguments.again);
	texts_done(&arguments.rest);
	return is_good ? 0 : 1;
}
