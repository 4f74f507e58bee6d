/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolvconf.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "engine/hub.h"
#include "engine/network.h"

#define HOST_FILE       "/etc/resolv.conf"
#define RESOLVED_FILE   "/run/systemd/resolve/resolv.conf"
#define RESOLVED_STUB   "127.0.0.53"
#define RESOLV_FILE_MAX 65536
#define WORD_MAX        256

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

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "::1", 3) == 0;
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

/* Copies the host's lines with this keyword, unless the user's own are in their place. */
static size_t copy_lines(const struct buf *host, const char *keyword, bool with_loopback,
			 struct buf *text)
{
	autofree char *copy = mem_strdup(host->length ? host->data : "");
	char *rest = copy;
	size_t count = 0;

	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *value = value_of(line, keyword);

		if (!value || (!with_loopback && is_loopback(value)))
			continue;
		buf_printf(text, "%s %s\n", keyword, value);
		count++;
	}
	return count;
}

/* How the host's servers are reached. */
enum reach {
	REACH_ROUTED,
	REACH_SAME,   /* in the host's own network */
	REACH_USERNET /* by the one way out of a user's own networks (hub.h) */
};

static void add_servers(const struct container *container, const struct buf *host, enum reach reach,
			struct buf *text)
{
	for (size_t i = 0; i < container->dns.count; i++)
		buf_printf(text, "nameserver %s\n", container->dns.items[i]);
	if (container->dns.count)
		return;
	if (reach == REACH_USERNET) {
		buf_add_text(text, "nameserver " USERNET_SERVER "\n");
		return;
	}
	/* Docker's choice too, where the host has none that a container could reach. */
	if (copy_lines(host, "nameserver", reach == REACH_SAME, text) == 0 && reach != REACH_SAME)
		buf_add_text(text, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
}

bool resolvconf_has_names(const struct endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->count; i++) {
		if (endpoints->items[i].has_names)
			return true;
	}
	return false;
}

static bool names_ndots(const struct texts *options)
{
	for (size_t i = 0; i < options->count; i++) {
		if (strncmp(options->items[i], "ndots:", 6) == 0)
			return true;
	}
	return false;
}

/* Docker's: a name without a dot is looked up as it is. */
static void add_own_server(const struct container *container, struct buf *text)
{
	buf_add_text(text, "nameserver " RESOLVCONF_NAMES "\noptions");
	if (!names_ndots(&container->dns_options))
		buf_add_text(text, " ndots:0");
	for (size_t i = 0; i < container->dns_options.count; i++)
		buf_printf(text, " %s", container->dns_options.items[i]);
	buf_add_char(text, '\n');
}

bool resolvconf_write(const struct engine *engine, const struct container *container,
		      const struct endpoints *endpoints, struct buf *text, struct error *err)
{
	enum reach reach = strcmp(container->network, NETWORK_HOST) == 0 ? REACH_SAME
			   : endpoints->count && hub_has_been(engine)    ? REACH_USERNET
									 : REACH_ROUTED;
	autobuf struct buf host;

	buf_init(&host, RESOLV_FILE_MAX);
	if (!read_host(reach == REACH_SAME, &host, err))
		return false;
	if (container->dns_search.count)
		add_joined(text, "search", &container->dns_search);
	else
		copy_lines(&host, "search", true, text);
	if (resolvconf_has_names(endpoints)) {
		add_own_server(container, text);
		return true;
	}
	add_servers(container, &host, reach, text);
	if (container->dns_options.count)
		add_joined(text, "options", &container->dns_options);
	else
		copy_lines(&host, "options", true, text);
	return true;
}

size_t resolvconf_servers(const struct engine *engine, const struct container *container,
			  struct ipaddr servers[RESOLVCONF_SERVERS])
{
	autobuf struct buf host = { 0 };
	struct error ignored;
	size_t count = 0;

	for (size_t i = 0; i < container->dns.count && count < RESOLVCONF_SERVERS; i++)
		count += ipaddr_parse(&servers[count], container->dns.items[i]);
	if (count || (hub_has_been(engine) && ipaddr_parse(&servers[count++], USERNET_SERVER)))
		return count;
	buf_init(&host, RESOLV_FILE_MAX);
	if (!read_host(false, &host, &ignored) || !host.length)
		return 0;

	char *rest = host.data;

	for (char *line; count < RESOLVCONF_SERVERS && (line = strsep(&rest, "\n"));) {
		const char *value = value_of(line, "nameserver");
		char word[WORD_MAX] = "";

		if (!value)
			continue;
		memcpy(word, value, strnlen(value, sizeof(word) - 1));
		word[strcspn(word, " \t#;\r")] = '\0';
		count += ipaddr_parse(&servers[count], word);
	}
	return count;
}
