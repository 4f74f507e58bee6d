/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/taglist.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "cli/enquiry.h"

#define PAGE_MAX   (4 << 20) /* bytes; mooring-fetch brings no more */
#define PAGES_MAX  1000
#define TAGS_MAX   10000
#define PACKET_MAX (64 << 10)

/* "</v2/x/tags/list?last=b&n=2>; rel=\"next\"": the query, which is all that changes from page to
 * page. NULL: there is no next one. */
static const char *next_query(struct arena *arena, const char *link)
{
	const char *end = strchr(link, '>');
	const char *query = strchr(link, '?');

	if (link[0] != '<' || !end || !query || query > end || !strstr(end, "next"))
		return NULL;
	return arena_strndup(arena, query + 1, (size_t)(end - query - 1));
}

static bool read_page(struct arena *arena, int body, struct texts *tags, struct error *err)
{
	autobuf struct buf text;
	const struct json *page;
	const char **items;
	size_t count;

	buf_init(&text, PAGE_MAX);
	if (lseek(body, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind the list of tags");
	if (!file_read_fd(body, "list of tags", &text, err) ||
	    !json_parse(arena, "list of tags", text.data ? text.data : "", text.length, &page,
			err) ||
	    !json_text_array(arena, page, "tags", &items, &count, err))
		return false;
	if (count > TAGS_MAX - tags->count)
		return error_set(err, ERROR_INPUT, "more than %d tags", TAGS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!reference_is_tag(items[i]))
			return error_set(err, ERROR_INPUT,
					 "list of tags: tags[%zu] is not a well-formed tag", i);
		texts_add(tags, items[i]);
	}
	return true;
}

/* *query says which page; afterwards, which is the next one. */
static bool ask_page(const struct enquiry *enquiry, const char *name, struct arena *arena,
		     const char **query, struct texts *tags, struct error *err)
{
	autoclose int body = memfd_create("tags", MFD_CLOEXEC);
	autobuf struct buf packet;
	struct jsonout out;
	const struct json *reply;
	const char *link;

	buf_init(&packet, PACKET_MAX);
	if (body < 0)
		return error_sys(err, "make a file in memory");
	jsonout_init(&out, &packet, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "id", 1);
	jsonout_text(&out, "op", "tags");
	jsonout_text(&out, "reference", name);
	if (*query)
		jsonout_text(&out, "query", *query);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!buf_check(&packet, "request", err) ||
	    !enquiry_ask(enquiry, packet.data, body, arena, &reply, err) ||
	    !json_text_or(reply, "link", "", &link, err))
		return false;
	*query = next_query(arena, link);
	return read_page(arena, body, tags, err);
}

static bool ask_pages(const struct enquiry *enquiry, const char *name, struct arena *arena,
		      struct texts *tags, struct error *err)
{
	const char *query = NULL;

	for (int pages = 0; pages < PAGES_MAX; pages++) {
		if (!ask_page(enquiry, name, arena, &query, tags, err))
			return false;
		if (!query)
			return true;
	}
	return error_set(err, ERROR_INPUT, "list of tags: more than %d pages", PAGES_MAX);
}

bool taglist_read(const struct cli *cli, const char *root, const struct reference *repository,
		  struct arena *arena, struct texts *tags, struct error *err)
{
	const struct credentials_places places = { .docker_config = cli->docker_config,
						   .config = cli->config,
						   .root = root };
	autofree char *name = reference_name(repository);
	struct credentials credentials;
	struct enquiry enquiry;
	struct error ignored;

	if (!credentials_gather(&places, repository->domain, repository->path, &credentials, err))
		return false;
	bool is_read = enquiry_open(&credentials, &enquiry, err);

	if (is_read) {
		is_read = ask_pages(&enquiry, name, arena, tags, err);
		is_read = enquiry_close(&enquiry, is_read ? err : &ignored) && is_read;
	}
	credentials_done(&places, &credentials);
	return is_read;
}
