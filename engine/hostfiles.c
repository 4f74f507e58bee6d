/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hostfiles.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "engine/linktarget.h"
#include "engine/netdefaults.h"
#include "engine/netsysctl.h"
#include "engine/resolvconf.h"

#define HOST_FILE_MAX 65536
#define DOMAIN_MAX    254 /* bytes of a name, as docker counts them */
#define HOST_GATEWAY  "host-gateway"
#define HOSTS         "hosts"
#define BLANKS        " \t\n\v\f\r"

static bool is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

const char *hostfiles_address(struct arena *arena, const char *text)
{
	const char *start = text + strspn(text, BLANKS);
	size_t length = strlen(start);

	while (length && strchr(BLANKS, start[length - 1]))
		length--;
	return arena_strndup(arena, start, length);
}

bool hostfiles_check_address(const char *text, struct error *err)
{
	autoarena struct arena arena = { 0 };

	return is_address(hostfiles_address(&arena, text)) ||
	       error_set(err, ERROR_INPUT, "IP address is not correctly formatted: %s", text);
}

/* Labels of letters, digits and '-', not at an end, with a letter somewhere; "." is none at all. */
static bool is_domain(const char *text)
{
	bool has_letter = false;
	size_t length = strlen(text);

	if (strcmp(text, ".") == 0)
		return true;
	if (length > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool is_end = i == 0 || text[i - 1] == '.' || !text[i + 1] || text[i + 1] == '.';

		has_letter |= isalpha((unsigned char)text[i]) != 0;
		if (text[i] == '.' ? i == 0 || text[i - 1] == '.'
				   : !isalnum((unsigned char)text[i]) && (text[i] != '-' || is_end))
			return false;
	}
	return has_letter;
}

bool hostfiles_check_domain(const char *text, struct error *err)
{
	return is_domain(text) || error_set(err, ERROR_INPUT, "%s is not a valid domain", text);
}

/* "NAME:IP", "NAME=IP", "NAME:[IP]": where the address begins; NULL if there is none. */
static const char *address_in(const char *text)
{
	const char *mark = strpbrk(text, "=:");

	return mark && mark > text ? mark + 1 : NULL;
}

static const char *without_brackets(const char *address, char *bare, size_t size)
{
	size_t length = strlen(address);

	if (address[0] != '[' || address[length - 1] != ']' || length - 1 > size)
		return address;
	memcpy(bare, address + 1, length - 2);
	bare[length - 2] = '\0';
	return bare;
}

bool hostfiles_check_host(const char *text, struct error *err)
{
	char bare[INET6_ADDRSTRLEN + 2];
	const char *address = address_in(text);

	if (!address)
		return error_set(err, ERROR_INPUT, "bad format for add-host: \"%s\"", text);
	address = without_brackets(address, bare, sizeof(bare));
	return strcmp(address, HOST_GATEWAY) == 0 || is_address(address) ||
	       error_set(err, ERROR_INPUT, "invalid IP address in add-host: \"%s\"", address);
}

const char *hostfiles_plain_host(struct arena *arena, const char *text)
{
	char bare[INET6_ADDRSTRLEN + 2];
	const char *address = address_in(text);

	return arena_printf(arena, "%.*s:%s", (int)(address - text - 1), text,
			    without_brackets(address, bare, sizeof(bare)));
}

static bool save(int dir, const char *name, struct buf *text, struct error *err)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	autoclose int file = fd;

	if (fd < 0)
		return error_sys(err, "write %s", name);
	return buf_check(text, name, err) && file_write(file, name, text->data, text->length, err);
}

/* What daemon.json says, else the gateway of the network by which the container reaches the host;
 * else the host is here. */
static const char *gateway_of(const struct endpoints *endpoints, char text[IPADDR_TEXT_MAX])
{
	const struct endpoint *outward = endpoints_outward(endpoints);
	autoarena struct arena arena = { 0 };
	struct netdefaults defaults;

	netdefaults_peek(&arena, &defaults);
	if (defaults.host_gateway.family)
		return ipaddr_text(&defaults.host_gateway, text);
	for (size_t i = 0; outward && i < NETWORK_FAMILIES; i++) {
		if (outward->gateways[i].family)
			return ipaddr_text(&outward->gateways[i], text);
	}
	return "127.0.0.1";
}

static void add_extra_hosts(const struct container *container, const struct endpoints *endpoints,
			    struct buf *text)
{
	char gateway[IPADDR_TEXT_MAX];

	for (size_t i = 0; i < container->extra_hosts.count; i++) {
		char bare[INET6_ADDRSTRLEN + 2];
		const char *entry = container->extra_hosts.items[i];
		const char *address = address_in(entry);

		if (!address)
			continue;
		int name_length = (int)(address - entry) - 1;
		address = without_brackets(address, bare, sizeof(bare));
		if (strcmp(address, HOST_GATEWAY) == 0)
			address = gateway_of(endpoints, gateway);
		buf_printf(text, "%s\t%.*s\n", address, name_length, entry);
	}
}

/* --link in the default network: where the others are now. One that does not run is not in the
 * file: at the start that has been refused. */
static void add_links(const struct engine *engine, const struct container *container,
		      const struct endpoints *endpoints, struct buf *text)
{
	for (size_t i = 0; i < container->links.count; i++) {
		autoarena struct arena arena = { 0 };
		struct link_target target;
		char address[IPADDR_TEXT_MAX];
		struct error ignored;

		if (!link_target_find(engine, &arena, container, container->links.items[i],
				      endpoints, &target, &ignored))
			continue;

		const char *name = target.name;
		bool is_alias = strcmp(name, target.alias) == 0;

		buf_printf(text, "%s\t%s %s%s%s\n", ipaddr_text(&target.address, address),
			   target.alias, target.container.hostname, is_alias ? "" : " ",
			   is_alias ? "" : name);
		link_target_done(&target);
	}
}

/* "IP<tab>a.b.c a" for a name with dots, "IP<tab>HOST.DOMAIN HOST" with a domain. */
static void add_own_line(const struct container *container, const char *address, struct buf *text)
{
	const char *host = container->hostname;
	const char *dot = strchr(host, '.');

	buf_printf(text, "%s\t", address);
	if (*container->domainname)
		buf_printf(text, "%s.%s %s\n", host, container->domainname, host);
	else if (dot)
		buf_printf(text, "%s %.*s\n", host, (int)(dot - host), host);
	else
		buf_printf(text, "%s\n", host);
}

static bool write_hosts(const struct engine *engine, const struct container *container, int dir,
			const struct endpoints *endpoints, struct error *err)
{
	char address[IPADDR_TEXT_MAX];
	autobuf struct buf text;

	buf_init(&text, HOST_FILE_MAX);
	if (strcmp(container->network, NETWORK_HOST) == 0) {
		if (!file_read(AT_FDCWD, "/etc/hosts", &text, err) && err->kind != ERROR_NOT_FOUND)
			return error_in(err, "copy /etc/hosts");
	} else {
		buf_add_text(&text, "127.0.0.1\tlocalhost\n");
		if (!netsysctl_is_without_ipv6(&container->sysctls))
			buf_add_text(&text, "::1\tlocalhost ip6-localhost ip6-loopback\n"
					    "fe00::0\tip6-localnet\n"
					    "ff00::0\tip6-mcastprefix\n"
					    "ff02::1\tip6-allnodes\n"
					    "ff02::2\tip6-allrouters\n");
	}
	add_extra_hosts(container, endpoints, &text);
	add_links(engine, container, endpoints, &text);
	for (size_t i = 0; i < endpoints->count; i++) {
		for (size_t family = 0; family < NETWORK_FAMILIES; family++) {
			const struct ipaddr *own = &endpoints->items[i].addresses[family].address;

			if (own->family)
				add_own_line(container, ipaddr_text(own, address), &text);
		}
	}
	return save(dir, HOSTS, &text, err);
}

/* "ADDRESS<tab>NAME…" */
static bool is_line_of(const char *line, const char *name)
{
	const char *tab = strchr(line, '\t');
	size_t length = strlen(name);

	return tab && strncmp(tab + 1, name, length) == 0 &&
	       (!tab[1 + length] || isblank((unsigned char)tab[1 + length]));
}

bool hostfiles_move(int dir, const char *name, const struct ipaddr *address, struct error *err)
{
	char to[IPADDR_TEXT_MAX];
	autobuf struct buf before, after;

	buf_init(&before, HOST_FILE_MAX);
	buf_init(&after, HOST_FILE_MAX);
	if (address)
		ipaddr_text(address, to);
	if (!file_read(dir, HOSTS, &before, err))
		return false;

	char *rest = before.data;

	for (char *line; (line = strsep(&rest, "\n"));) {
		bool is_last = !rest;

		if (is_line_of(line, name) && !address)
			continue;
		if (is_line_of(line, name))
			buf_printf(&after, "%s%s", to, strchr(line, '\t'));
		else
			buf_add_text(&after, line);
		if (!is_last)
			buf_add_char(&after, '\n');
	}
	return save(dir, HOSTS, &after, err);
}

static bool write_hostname(const struct container *container, int dir, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, HOST_FILE_MAX);
	buf_printf(&text, "%s\n", container->hostname);
	return save(dir, "hostname", &text, err);
}

bool hostfiles_write(const struct engine *engine, const struct container *container, int dir,
		     const struct endpoints *endpoints, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, HOST_FILE_MAX);
	return write_hosts(engine, container, dir, endpoints, err) &&
	       write_hostname(container, dir, err) &&
	       resolvconf_write(engine, container, endpoints, &text, err) &&
	       save(dir, "resolv.conf", &text, err);
}
