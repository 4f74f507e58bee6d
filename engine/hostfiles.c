/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hostfiles.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

#define HOST_FILE_MAX 65536
#define HOST_GATEWAY  "host-gateway"
#define RESOLVED_FILE "/run/systemd/resolve/resolv.conf"

static bool is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

bool hostfiles_check_address(const char *text, struct error *err)
{
	return is_address(text) ||
	       error_set(err, ERROR_INPUT, "IP address is not correctly formatted: %s", text);
}

/* "NAME:IP", "NAME=IP", "NAME:[IP]": where the address begins; NULL if there is none. */
static const char *address_in(const char *text)
{
	const char *mark = strpbrk(text, "=:");

	return mark && mark > text && mark[1] ? mark + 1 : NULL;
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

static bool save(int dir, const char *name, struct buf *text, struct error *err)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	autoclose int file = fd;

	if (fd < 0)
		return error_sys(err, "write %s", name);
	return buf_check(text, name, err) && file_write(file, name, text->data, text->length, err);
}

static void add_extra_hosts(const struct container *container, const char *gateway,
			    struct buf *text)
{
	for (size_t i = 0; i < container->extra_hosts.count; i++) {
		char bare[INET6_ADDRSTRLEN + 2];
		const char *entry = container->extra_hosts.items[i];
		const char *address = address_in(entry);

		if (!address)
			continue;
		int name_length = (int)(address - entry) - 1;
		address = without_brackets(address, bare, sizeof(bare));
		if (strcmp(address, HOST_GATEWAY) == 0)
			address = gateway ? gateway : "127.0.0.1";
		buf_printf(text, "%s\t%.*s\n", address, name_length, entry);
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

static bool write_hosts(const struct container *container, int dir, const char *address,
			const char *gateway, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, HOST_FILE_MAX);
	if (strcmp(container->network, "host") == 0) {
		if (!file_read(AT_FDCWD, "/etc/hosts", &text, err) && err->kind != ERROR_NOT_FOUND)
			return error_in(err, "copy /etc/hosts");
	} else {
		buf_add_text(&text, "127.0.0.1\tlocalhost\n"
				    "::1\tlocalhost ip6-localhost ip6-loopback\n"
				    "fe00::0\tip6-localnet\n"
				    "ff00::0\tip6-mcastprefix\n"
				    "ff02::1\tip6-allnodes\n"
				    "ff02::2\tip6-allrouters\n");
	}
	add_extra_hosts(container, gateway, &text);
	if (address)
		add_own_line(container, address, &text);
	return save(dir, "hosts", &text, err);
}

/* A resolver on the host's loopback is out of reach from another network namespace. */
static bool is_loopback_server(const char *line)
{
	const char *address = line + strlen("nameserver");

	address += strspn(address, " \t");
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "::1", 3) == 0;
}

/* Copies the host's lines that still mean something; *has_server tells of a name server. */
static void copy_resolv(const struct container *container, char *host_text, bool is_same_network,
			struct buf *text, bool *has_server)
{
	for (char *line; (line = strsep(&host_text, "\n"));) {
		bool is_server = strncmp(line, "nameserver", 10) == 0;
		bool is_search = strncmp(line, "search", 6) == 0;
		bool is_options = strncmp(line, "options", 7) == 0;

		if (!*line || (is_server && container->dns.count) ||
		    (is_search && container->dns_search.count) ||
		    (is_options && container->dns_options.count) ||
		    (is_server && !is_same_network && is_loopback_server(line)))
			continue;
		*has_server |= is_server;
		buf_printf(text, "%s\n", line);
	}
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

/* Where systemd-resolved serves the host, the real servers are in its own file. */
static bool read_host_resolv(bool is_same_network, struct buf *host, struct error *err)
{
	if (!file_read(AT_FDCWD, "/etc/resolv.conf", host, err) && err->kind != ERROR_NOT_FOUND)
		return error_in(err, "copy /etc/resolv.conf");
	if (is_same_network || !host->length || !strstr(host->data, "127.0.0.53"))
		return true;
	struct buf before = *host;
	buf_init(host, HOST_FILE_MAX);
	if (!file_read(AT_FDCWD, RESOLVED_FILE, host, err)) {
		buf_done(host);
		*host = before;
		return true;
	}
	buf_done(&before);
	return true;
}

static bool write_resolv(const struct container *container, int dir, struct error *err)
{
	bool is_same_network = strcmp(container->network, "host") == 0;
	bool has_server = container->dns.count > 0;
	autobuf struct buf host;
	autobuf struct buf text;

	buf_init(&host, HOST_FILE_MAX);
	buf_init(&text, HOST_FILE_MAX);
	if (!read_host_resolv(is_same_network, &host, err))
		return false;
	add_joined(&text, "search", &container->dns_search);
	for (size_t i = 0; i < container->dns.count; i++)
		buf_printf(&text, "nameserver %s\n", container->dns.items[i]);
	if (host.length)
		copy_resolv(container, host.data, is_same_network, &text, &has_server);
	if (!has_server && !is_same_network)
		buf_add_text(&text, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
	add_joined(&text, "options", &container->dns_options);
	return save(dir, "resolv.conf", &text, err);
}

static bool write_hostname(const struct container *container, int dir, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, HOST_FILE_MAX);
	buf_printf(&text, "%s\n", container->hostname);
	return save(dir, "hostname", &text, err);
}

bool hostfiles_write(const struct container *container, int dir, const char *address,
		     const char *gateway, struct error *err)
{
	return write_hosts(container, dir, address, gateway, err) &&
	       write_hostname(container, dir, err) && write_resolv(container, dir, err);
}
