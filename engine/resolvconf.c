/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolvconf.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "engine/hub.h"
#include "engine/netdefaults.h"
#include "engine/network.h"

#define HOST_FILE       "/etc/resolv.conf"
#define RESOLVED_FILE   "/run/systemd/resolve/resolv.conf"
#define RESOLVED_STUB   "127.0.0.53"
#define RESOLV_FILE_MAX 65536
#define WORD_MAX        256
#define NDOTS           "ndots"
#define DIGITS          "0123456789"

/* Docker's choice too, where the host has none that a container could reach. */
static const char *const public_servers[] = { "8.8.8.8", "8.8.4.4", "2001:4860:4860::8888",
					      "2001:4860:4860::8844" };

/* Where systemd-resolved serves the host, the real servers are in its own file. */
static bool read_host(bool is_same_network, struct buf *host, struct error *err)
{
	struct error ignored;

	if (!file_read(AT_FDCWD, HOST_FILE, host, err) && err->kind != ERROR_NOT_FOUND)
		return error_in(err, "copy " HOST_FILE);
	if (is_same_network || !host->length || !strstr(host->data, RESOLVED_STUB))
		return true;

	struct buf before = *host;

	buf_init(host, RESOLV_FILE_MAX);
	if (file_read(AT_FDCWD, RESOLVED_FILE, host, &ignored)) {
		buf_done(&before);
		return true;
	}
	buf_done(host);
	*host = before;
	return true;
}

/* "nameserver 1.1.1.1": what follows the keyword; NULL for another line. */
static const char *value_of(const char *line, const char *keyword)
{
	size_t length = strlen(keyword);

	if (strncmp(line, keyword, length) != 0 || !strchr(" \t", line[length]) || !line[length])
		return NULL;
	return line + length + strspn(line + length, " \t");
}

/* The first word of a nameserver line. */
static bool read_server(const char *value, struct ipaddr *address)
{
	char word[WORD_MAX] = "";

	memcpy(word, value, strnlen(value, sizeof(word) - 1));
	word[strcspn(word, " \t#;\r")] = '\0';
	return ipaddr_parse(address, word);
}

static void add_joined(struct buf *text, const char *key, const struct texts *words)
{
	if (words->count == 0 || (words->count == 1 && strcmp(words->items[0], ".") == 0))
		return;
	buf_add_text(text, key);
	for (size_t i = 0; i < words->count; i++)
		buf_printf(text, " %s", words->items[i]);
	buf_add_char(text, '\n');
}

/* Copies the host's lines with this keyword. */
static void copy_lines(const struct buf *host, const char *keyword, struct buf *text)
{
	autofree char *copy = mem_strdup(host->length ? host->data : "");
	char *rest = copy;

	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *value = value_of(line, keyword);

		if (value)
			buf_printf(text, "%s %s\n", keyword, value);
	}
}

/* The host's domains: those of the last line, as the C library sees it; "domain" is an old name for
 * "search". */
static void copy_search(const struct buf *host, struct buf *text)
{
	autofree char *copy = mem_strdup(host->length ? host->data : "");
	const char *last = NULL;
	char *rest = copy;

	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *value = value_of(line, "search");

		value = value ? value : value_of(line, "domain");
		last = value && *value ? value : last;
	}
	if (last)
		buf_printf(text, "search %s\n", last);
}

/* What was asked for, else what daemon.json says for all containers. */
struct wishes {
	struct texts dns, search, options; /* of the container's, or in the arena */
};

static void read_wishes(const struct container *container, struct arena *arena,
			struct wishes *wishes)
{
	struct netdefaults defaults;

	netdefaults_peek(arena, &defaults);
	wishes->dns = container->dns.count ? container->dns : defaults.dns;
	wishes->search = container->dns_search.count ? container->dns_search : defaults.dns_search;
	wishes->options =
		container->dns_options.count ? container->dns_options : defaults.dns_options;
}

/* How the host's servers are reached. */
enum reach {
	REACH_ROUTED,
	REACH_ROUTED_IPV6, /* by IPv6, too */
	REACH_SAME,        /* in the host's own network */
	REACH_USERNET      /* by the one way out of a user's own networks (hub.h) */
};

static bool is_reached(const char *value, enum reach reach)
{
	static const struct ipaddr own = { .family = AF_INET6, .bytes = { [15] = 1 } };
	struct ipaddr server;

	if (reach == REACH_SAME || !read_server(value, &server))
		return true;
	return server.family == AF_INET6
		       ? reach == REACH_ROUTED_IPV6 && !ipaddr_is_equal(&server, &own)
		       : server.bytes[0] != IN_LOOPBACKNET;
}

static size_t copy_servers(const struct buf *host, enum reach reach, struct buf *text)
{
	autofree char *copy = mem_strdup(host->length ? host->data : "");
	char *rest = copy;
	size_t count = 0;

	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *value = value_of(line, "nameserver");

		if (!value || !is_reached(value, reach))
			continue;
		buf_printf(text, "nameserver %s\n", value);
		count++;
	}
	return count;
}

static void add_servers(const struct texts *wanted, const struct buf *host, enum reach reach,
			struct buf *text)
{
	for (size_t i = 0; i < wanted->count; i++)
		buf_printf(text, "nameserver %s\n", wanted->items[i]);
	if (wanted->count)
		return;
	if (reach == REACH_USERNET) {
		buf_add_text(text, "nameserver " USERNET_SERVER "\n");
		return;
	}
	if (copy_servers(host, reach, text) > 0 || reach == REACH_SAME)
		return;
	for (size_t i = 0; i < COUNT_OF(public_servers); i++) {
		if (reach == REACH_ROUTED_IPV6 || !strchr(public_servers[i], ':'))
			buf_printf(text, "nameserver %s\n", public_servers[i]);
	}
}

bool resolvconf_has_names(const struct endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->count; i++) {
		if (endpoints->items[i].has_names)
			return true;
	}
	return false;
}

/* True if the option sets ndots; *is_number: to something that it can be. */
static bool sets_ndots(const char *option, bool *is_number)
{
	const char *value = option + strlen(NDOTS);

	if (strncmp(option, NDOTS, strlen(NDOTS)) != 0 || (*value && *value != ':'))
		return false;
	*is_number = value[0] == ':' && value[1] && !value[1 + strspn(value + 1, DIGITS)];
	return true;
}

/* All lines of them. The words lie in `host`, which is cut up. */
static void read_options(char *host, struct texts *options)
{
	for (char *line; (line = strsep(&host, "\n"));) {
		const char *value = value_of(line, "options");
		char *words = value ? line + (value - line) : NULL;

		for (char *word; (word = strsep(&words, " \t\r"));) {
			if (*word)
				texts_add(options, word);
		}
	}
}

/* Docker's: a name without a dot is looked up as it is, unless somebody says otherwise. */
static void add_own_server(const struct texts *wanted, const struct buf *host, struct buf *text)
{
	autofree char *copy = mem_strdup(host->length ? host->data : "");
	autotexts struct texts options = { 0 };
	bool is_number, has_ndots = false;

	texts_add_all(&options, wanted->items, wanted->count);
	if (!wanted->count)
		read_options(copy, &options);
	buf_add_text(text, "nameserver " RESOLVCONF_NAMES "\noptions");
	for (size_t i = 0; i < options.count; i++) {
		if (sets_ndots(options.items[i], &is_number)) {
			if (!is_number)
				continue;
			has_ndots = true;
		}
		buf_printf(text, " %s", options.items[i]);
	}
	buf_add_text(text, has_ndots ? "\n" : " " NDOTS ":0\n");
}

static enum reach reach_of(const struct engine *engine, const struct container *container,
			   const struct endpoints *endpoints)
{
	if (strcmp(container->network, NETWORK_HOST) == 0)
		return REACH_SAME;
	if (endpoints->count && hub_has_been(engine))
		return REACH_USERNET;
	for (size_t i = 0; i < endpoints->count; i++) {
		if (endpoints->items[i].addresses[NETWORK_IPV6].address.family)
			return REACH_ROUTED_IPV6;
	}
	return REACH_ROUTED;
}

bool resolvconf_write(const struct engine *engine, const struct container *container,
		      const struct endpoints *endpoints, struct buf *text, struct error *err)
{
	enum reach reach = reach_of(engine, container, endpoints);
	autoarena struct arena arena = { 0 };
	autobuf struct buf host;
	struct wishes wishes;

	read_wishes(container, &arena, &wishes);
	buf_init(&host, RESOLV_FILE_MAX);
	if (!read_host(reach == REACH_SAME, &host, err))
		return false;
	if (wishes.search.count)
		add_joined(text, "search", &wishes.search);
	else
		copy_search(&host, text);
	if (resolvconf_has_names(endpoints)) {
		add_own_server(&wishes.options, &host, text);
		return true;
	}
	add_servers(&wishes.dns, &host, reach, text);
	if (wishes.options.count)
		add_joined(text, "options", &wishes.options);
	else
		copy_lines(&host, "options", text);
	return true;
}

size_t resolvconf_servers(const struct engine *engine, const struct container *container,
			  struct ipaddr servers[RESOLVCONF_SERVERS])
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf host = { 0 };
	struct wishes wishes;
	struct error ignored;
	size_t count = 0;

	read_wishes(container, &arena, &wishes);
	for (size_t i = 0; i < wishes.dns.count && count < RESOLVCONF_SERVERS; i++)
		count += ipaddr_parse(&servers[count], wishes.dns.items[i]);
	if (count || (hub_has_been(engine) && ipaddr_parse(&servers[count++], USERNET_SERVER)))
		return count;
	buf_init(&host, RESOLV_FILE_MAX);
	/* resolved's own address too: it goes along when the machine changes its networks. */
	if (!read_host(true, &host, &ignored))
		return 0;

	char *rest = host.length ? host.data : NULL;

	for (char *line; count < RESOLVCONF_SERVERS && (line = strsep(&rest, "\n"));) {
		const char *value = value_of(line, "nameserver");

		if (value)
			count += read_server(value, &servers[count]);
	}
	if (count)
		return count;
	for (; count < COUNT_OF(public_servers); count++)
		(void)ipaddr_parse(&servers[count], public_servers[count]);
	return count;
}
