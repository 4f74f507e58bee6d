/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imagerows.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/filter.h"
#include "cli/human.h"
#include "cli/opt.h"
#include "registry/reference.h"

#define ROUND       3 /* digits of what is shown of a size: docker has both */
#define EXACT       4
#define NONE        "<none>"
#define SHORT_ID    12
#define NOT_COUNTED "N/A" /* as docker shows what it has not worked out */

struct maker {
	const struct imagerows *options;
	const struct store *store;
	struct arena *arena;
	struct json *rows;
	const struct store_image *images; /* all of the store */
	size_t count;

	/* from the filters */
	bool wants_dangling, wants_named;
	const struct store_image *before, *since; /* NULL: not asked for */
	int64_t until;                            /* seconds since 1970; 0: not asked for */
};

/* -- which -- */

static bool read_dangling(struct maker *maker, struct error *err)
{
	const struct texts *filters = maker->options->filters;
	bool is_dangling = false;
	size_t at = 0;

	maker->wants_dangling = maker->wants_named = true;
	if (!filter_next(filters, "dangling", &at))
		return true;
	if (!filter_truth(filters, "dangling", &is_dangling, err))
		return false;
	maker->wants_dangling = is_dangling;
	maker->wants_named = !is_dangling;
	return true;
}

static bool read_image(struct maker *maker, const char *filter, const struct store_image **image,
		       struct error *err)
{
	size_t at = 0;
	const char *value = filter_next(maker->options->filters, filter, &at);

	if (!value)
		return true;
	struct store_image *found = arena_alloc(maker->arena, sizeof(*found));

	*image = found;
	return store_find(maker->store, maker->arena, value, found, err);
}

/* Behind the '[': up to the ']' that closes it; NULL if none does, or nothing is between. */
static const char *end_of_class(const char *at)
{
	at += *at == '^';
	if (*at == ']' || *at == '-')
		return NULL;
	for (; *at && *at != ']'; at++) {
		if (*at == '\\' && !*++at)
			return NULL;
	}
	return *at ? at : NULL;
}

static bool is_pattern(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at == '\\' && !*++at)
			return false;
		if (*at == '[' && !(at = end_of_class(at + 1)))
			return false;
	}
	return true;
}

static bool check_patterns(const struct imagerows *options, struct error *err)
{
	const char *pattern = options->pattern;
	size_t at = 0;

	while (!pattern || is_pattern(pattern)) {
		pattern = filter_next(options->filters, "reference", &at);
		if (!pattern)
			return true;
	}
	return error_set(err, ERROR_INPUT, "syntax error in pattern");
}

static bool read_filters(struct maker *maker, struct error *err)
{
	static const char *const names[] = { "dangling",  "label", "before", "since",
					     "reference", "until", NULL };

	return filter_names(maker->options->filters, names, err) && read_dangling(maker, err) &&
	       check_patterns(maker->options, err) &&
	       filter_until(maker->options->filters, &maker->until, err) &&
	       read_image(maker, "before", &maker->before, err) &&
	       read_image(maker, "since", &maker->since, err);
}

static bool has_label(const struct store_image *image, const char *filter)
{
	for (size_t i = 0; i < image->config.label_count; i++)
		if (filter_is_label(filter, image->config.labels[i].key,
				    image->config.labels[i].value))
			return true;
	return false;
}

static bool is_older(const struct store_image *a, const struct store_image *b)
{
	return a->created < b->created ||
	       (a->created == b->created && a->created_ns < b->created_ns);
}

static bool is_wanted_image(const struct maker *maker, const struct store_image *image)
{
	size_t at = 0;
	const char *label;

	/* One that is known by digest alone counts as both. */
	bool has_name = image->name_count > 0 || image->digest_count > 0;

	if (!(has_name && maker->wants_named) && !(image->name_count == 0 && maker->wants_dangling))
		return false;
	if (maker->before && !is_older(image, maker->before))
		return false;
	if (maker->since && !is_older(maker->since, image))
		return false;
	if (maker->until && image->created >= maker->until)
		return false;
	while ((label = filter_next(maker->options->filters, "label", &at)))
		if (!has_label(image, label))
			return false;
	return true;
}

/* The digest under which the image is known in a repository; NULL if there is none. */
static const char *digest_in(const struct store_image *image, const struct reference *name)
{
	autofree char *repository = reference_name(name);
	size_t length = strlen(repository);

	for (size_t i = 0; i < image->digest_count; i++)
		if (strncmp(image->digests[i], repository, length) == 0 &&
		    image->digests[i][length] == '@')
			return image->digests[i] + length + 1;
	return NULL;
}

/* A pattern that is a name means that name; others are shell patterns over what is displayed. */
static bool is_match(const char *pattern, const struct store_image *image,
		     const struct reference *name)
{
	struct reference wanted;
	struct error ignored;

	if (reference_parse_bare(&wanted, pattern, &ignored)) {
		const char *digest = digest_in(image, name);

		return strcmp(wanted.domain, name->domain) == 0 &&
		       strcmp(wanted.path, name->path) == 0 &&
		       (!digest_is_empty(&wanted.digest)
				? digest && strcmp(digest, wanted.digest.text) == 0
				: !wanted.tag[0] || strcmp(wanted.tag, name->tag) == 0);
	}
	autofree char *repository = reference_familiar_name(name);
	autofree char *whole = reference_familiar(name);

	return fnmatch(pattern, repository, FNM_PATHNAME) == 0 ||
	       fnmatch(pattern, whole, FNM_PATHNAME) == 0;
}

static bool is_wanted_name(const struct maker *maker, const struct store_image *image,
			   const struct reference *name)
{
	const struct imagerows *options = maker->options;
	size_t at = 0;
	const char *pattern;
	bool has_filter = false, is_matched = false;

	if (options->pattern && !is_match(options->pattern, image, name))
		return false;
	while ((pattern = filter_next(options->filters, "reference", &at))) {
		has_filter = true;
		is_matched = is_matched || is_match(pattern, image, name);
	}
	return !has_filter || is_matched;
}

/* An image without a name matches no pattern. */
static bool is_asked_by_name(const struct maker *maker)
{
	size_t at = 0;

	return maker->options->pattern || filter_next(maker->options->filters, "reference", &at);
}

/* -- how they look -- */

static void add(const struct maker *maker, struct json *row, const char *field, const char *text)
{
	(void)json_new(maker->arena, row, field, JSON_TEXT, text);
}

static const char *id_of(const struct maker *maker, const struct store_image *image)
{
	if (maker->options->is_whole)
		return image->id.text;
	return arena_strndup(maker->arena, digest_hex(&image->id), SHORT_ID);
}

static void add_times(const struct maker *maker, struct json *row, const struct store_image *image)
{
	bool is_known = *image->config.created != '\0';
	time_t created = (time_t)image->created;
	char age[HUMAN_MAX], text[64] = "";
	struct tm local;

	human_duration(maker->options->now - image->created, age);
	if (localtime_r(&created, &local))
		(void)!strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &local);
	add(maker, row, "CreatedAt", is_known ? text : NOT_COUNTED);
	add(maker, row, "CreatedSince",
	    is_known ? arena_printf(maker->arena, "%s ago", age) : NOT_COUNTED);
}

/* Does another image have the layer, too? */
static bool is_shared(const struct maker *maker, const struct store_image *image,
		      const struct digest *chain)
{
	for (size_t i = 0; i < maker->count; i++) {
		const struct store_image *other = &maker->images[i];

		for (size_t k = 0; k < other->layer_count; k++) {
			if (!digest_is_equal(&other->id, &image->id) &&
			    digest_is_equal(&other->chains[k], chain))
				return true;
		}
	}
	return false;
}

struct shares {
	const char *containers, *shared, *own;
};

static void work_out(const struct maker *maker, const struct store_image *image,
		     struct shares *shares)
{
	const struct texts *users = maker->options->users;
	struct error ignored; /* a layer that is damaged has no size */
	int64_t shared = 0, own = 0, bytes;
	char size[HUMAN_MAX];
	int count = 0;

	*shares = (struct shares){ NOT_COUNTED, NOT_COUNTED, NOT_COUNTED };
	if (!users)
		return;
	for (size_t i = 0; i < image->layer_count; i++) {
		if (!store_layer_size(maker->store, &image->chains[i], &bytes, &ignored))
			continue;
		if (is_shared(maker, image, &image->chains[i]))
			shared += bytes;
		else
			own += bytes;
	}
	for (size_t i = 0; i < users->count; i++)
		count += strcmp(users->items[i], image->id.text) == 0;
	shares->containers = arena_printf(maker->arena, "%d", count);
	shares->shared = arena_strdup(maker->arena, human_size(shared, EXACT, size));
	shares->own = arena_strdup(maker->arena, human_size(own, EXACT, size));
}

static void add_row(const struct maker *maker, const struct store_image *image,
		    const char *repository, const char *tag, const char *digest)
{
	struct json *row = json_new(maker->arena, maker->rows, NULL, JSON_OBJECT, NULL);
	struct shares shares;
	char size[HUMAN_MAX];

	work_out(maker, image, &shares);
	add(maker, row, "Containers", shares.containers);
	add_times(maker, row, image);
	add(maker, row, "Digest", digest ? digest : NONE);
	add(maker, row, "ID", id_of(maker, image));
	add(maker, row, "Repository", repository);
	add(maker, row, "SharedSize", shares.shared);
	add(maker, row, "Size", human_size(image->size, ROUND, size));
	add(maker, row, "Tag", tag);
	add(maker, row, "UniqueSize", shares.own);
	add(maker, row, "VirtualSize", human_size(image->size, EXACT, size));
}

/* A repository that has a tag of the image needs no row for its digest. */
static bool has_tag_in(const struct store_image *image, const struct reference *name)
{
	autofree char *repository = reference_name(name);
	size_t length = strlen(repository);

	for (size_t i = 0; i < image->name_count; i++)
		if (strncmp(image->names[i], repository, length) == 0 &&
		    image->names[i][length] == ':')
			return true;
	return false;
}

static bool add_name(const struct maker *maker, const struct store_image *image, const char *text,
		     struct error *err)
{
	struct reference name;

	if (!reference_parse_bare(&name, text, err))
		return error_in(err, "the store's name %s", text);
	if (!is_wanted_name(maker, image, &name) || (!name.tag[0] && has_tag_in(image, &name)))
		return true;

	autofree char *repository = reference_familiar_name(&name);

	add_row(maker, image, repository, name.tag[0] ? name.tag : NONE, digest_in(image, &name));
	return true;
}

static bool add_image(const struct maker *maker, const struct store_image *image, struct error *err)
{
	if (!is_wanted_image(maker, image))
		return true;
	for (size_t i = 0; i < image->name_count; i++)
		if (!add_name(maker, image, image->names[i], err))
			return false;
	for (size_t i = 0; i < image->digest_count; i++)
		if (!add_name(maker, image, image->digests[i], err))
			return false;
	if (image->name_count + image->digest_count == 0 && !is_asked_by_name(maker))
		add_row(maker, image, NONE, NONE, NULL);
	return true;
}

bool imagerows_make(const struct imagerows *options, const struct store *store, struct arena *arena,
		    const struct json **rows, struct error *err)
{
	struct maker maker = { .options = options, .store = store, .arena = arena };
	struct store_image *images;
	size_t count;

	maker.rows = json_new(arena, NULL, NULL, JSON_ARRAY, NULL);
	if (!read_filters(&maker, err) || !store_list(store, arena, &images, &count, err))
		return false;
	maker.images = images;
	maker.count = count;
	for (size_t i = 0; i < count; i++)
		if (!add_image(&maker, &images[i], err))
			return false;
	*rows = maker.rows;
	return true;
}
