/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/resolver.h"

/*
 * Packets to the resolver. They come from our own programs, as root; all the same nothing in them
 * is taken on trust.
 */

static char *next_word(char **rest)
{
	char *word;

	do {
		word = strsep(rest, " ");
	} while (word && !*word);
	return word;
}

static const char *lowered(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);

	for (char *c = copy; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 'a' - 'A');
	}
	return copy;
}

static bool add_place(struct resolver_facts *facts, char *rest)
{
	struct resolver_place *place = arena_alloc(&facts->arena, sizeof(*place));
	const char *network = next_word(&rest), *name = next_word(&rest);

	if (!network || !name)
		return false;
	place->network = arena_strdup(&facts->arena, network);
	place->name = lowered(&facts->arena, name);
	for (char *word; (word = next_word(&rest));) {
		if (place->count == COUNT_OF(place->addresses) ||
		    !ipaddr_parse(&place->addresses[place->count++], word))
			return false;
	}
	place->next = facts->places;
	facts->places = place;
	return true;
}

static bool add_name(struct resolver_facts *facts, struct resolver_name **list, char *rest,
		     bool is_link)
{
	struct resolver_name *name = arena_alloc(&facts->arena, sizeof(*name));
	const char *text = next_word(&rest);
	const char *target = is_link ? next_word(&rest) : NULL;

	if (!text || (is_link && !target) || next_word(&rest))
		return false;
	name->text = lowered(&facts->arena, text);
	name->target = target ? lowered(&facts->arena, target) : NULL;
	name->next = *list;
	*list = name;
	return true;
}

static bool add_server(struct resolver_facts *facts, char *rest)
{
	const char *word = next_word(&rest);

	return word && facts->server_count < RESOLVER_SERVERS_MAX &&
	       ipaddr_parse(&facts->servers[facts->server_count++], word);
}

/* A line after the first. */
static bool read_line(struct resolver_facts *facts, char *line, size_t *names, size_t *places)
{
	char *rest = line;
	const char *word = next_word(&rest);

	if (!word)
		return true;
	if (strcmp(word, "ask") == 0) {
		facts->may_ask = true;
		return true;
	}
	if (strcmp(word, "server") == 0)
		return add_server(facts, rest);
	if (strcmp(word, "place") == 0)
		return ++*places <= RESOLVER_PLACES_MAX && add_place(facts, rest);
	if (++*names > RESOLVER_NAMES_MAX)
		return false;
	if (!facts->places)
		return false;
	if (strcmp(word, "link") == 0)
		return add_name(facts, &facts->places->links, rest, true);
	return strcmp(word, "name") == 0 && add_name(facts, &facts->places->names, rest, false);
}

static bool read_head(char *line, enum resolver_request *request, struct resolver_facts *facts)
{
	static const struct {
		const char *word;
		enum resolver_request request;
	} requests[] = { { "hello", RESOLVER_HELLO },
			 { "register", RESOLVER_REGISTER },
			 { "change", RESOLVER_CHANGE } };
	char *rest = line;
	const char *word = next_word(&rest), *id = next_word(&rest);

	for (size_t i = 0; word && i < COUNT_OF(requests); i++) {
		if (strcmp(requests[i].word, word) != 0)
			continue;
		*request = requests[i].request;
		if (*request == RESOLVER_HELLO)
			return !id;
		if (!id || strlen(id) != IDENT_LENGTH)
			return false;
		memcpy(facts->id, id, IDENT_LENGTH + 1);
		return true;
	}
	return false;
}

bool resolver_parse(char *text, enum resolver_request *request, struct resolver_facts *facts,
		    struct error *err)
{
	size_t names = 0, places = 0, number = 1;
	char *line = strsep(&text, "\n");
	bool is_good;

	*facts = (struct resolver_facts){ 0 };
	is_good = line && read_head(line, request, facts);
	while (is_good && (line = strsep(&text, "\n"))) {
		number++;
		is_good = read_line(facts, line, &names, &places);
	}
	if (is_good)
		return true;
	arena_done(&facts->arena);
	return error_set(err, ERROR_INPUT, "line %zu of the request makes no sense", number);
}
