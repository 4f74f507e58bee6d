/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/volumemount.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "runtime/kernel.h"

#define DATA_MAX 4096

static const char *value_of(const struct texts *options, const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < options->count; i++) {
		const char *pair = options->items[i];

		if (strncmp(pair, key, length) == 0 && pair[length] == '=')
			return pair + length + 1;
	}
	return "";
}

bool volume_check_options(const struct texts *options, struct error *err)
{
	static const char *const known[] = { "type", "device", "o" };

	for (size_t i = 0; i < options->count; i++) {
		size_t length = strcspn(options->items[i], "=");
		bool is_known = false;

		for (size_t j = 0; j < COUNT_OF(known); j++)
			is_known |= strlen(known[j]) == length &&
				    strncmp(known[j], options->items[i], length) == 0;
		if (length == 4 && strncmp(options->items[i], "size", length) == 0)
			return error_set(err, ERROR_UNSUPPORTED,
					 "quota size requested but no quota support");
		if (!is_known)
			return error_set(err, ERROR_INPUT, "invalid option: \"%.*s\"", (int)length,
					 options->items[i]);
	}
	if (!options->count)
		return true;
	if (!*value_of(options, "device"))
		return error_set(err, ERROR_INPUT, "missing required option: \"device\"");
	return *value_of(options, "type") || strstr(value_of(options, "o"), "bind") ||
	       error_set(err, ERROR_INPUT, "missing required option: \"type\"");
}

/* "ro,bind,size=1m" is flags of mount(2), and the file system's own words. */
struct parsed {
	unsigned long flags;
	struct buf data;
};

static bool take_flag(const char *word, unsigned long *flags)
{
	static const struct {
		const char *word;
		unsigned long set, clear;
	} words[] = {
		{ "rw", 0, MS_RDONLY },
		{ "ro", MS_RDONLY, 0 },
		{ "suid", 0, MS_NOSUID },
		{ "nosuid", MS_NOSUID, 0 },
		{ "dev", 0, MS_NODEV },
		{ "nodev", MS_NODEV, 0 },
		{ "exec", 0, MS_NOEXEC },
		{ "noexec", MS_NOEXEC, 0 },
		{ "sync", MS_SYNCHRONOUS, 0 },
		{ "async", 0, MS_SYNCHRONOUS },
		{ "dirsync", MS_DIRSYNC, 0 },
		{ "atime", 0, MS_NOATIME },
		{ "noatime", MS_NOATIME, 0 },
		{ "diratime", 0, MS_NODIRATIME },
		{ "nodiratime", MS_NODIRATIME, 0 },
		{ "relatime", MS_RELATIME, 0 },
		{ "strictatime", MS_STRICTATIME, 0 },
		{ "bind", MS_BIND, 0 },
		{ "rbind", MS_BIND | MS_REC, 0 },
		{ "private", MS_PRIVATE, 0 },
		{ "rprivate", MS_PRIVATE | MS_REC, 0 },
		{ "shared", MS_SHARED, 0 },
		{ "rshared", MS_SHARED | MS_REC, 0 },
		{ "slave", MS_SLAVE, 0 },
		{ "rslave", MS_SLAVE | MS_REC, 0 },
		{ "defaults", 0, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcmp(words[i].word, word) != 0)
			continue;
		*flags = (*flags | words[i].set) & ~words[i].clear;
		return true;
	}
	return false;
}

/* The kernel's NFS and CIFS know no names: docker looks the server up too. */
static bool add_server(const char *name, struct buf *data, struct error *err)
{
	struct addrinfo *found = NULL;
	char address[INET6_ADDRSTRLEN] = "";
	int verdict =
		getaddrinfo(name, NULL, &(struct addrinfo){ .ai_socktype = SOCK_STREAM }, &found);

	if (verdict == 0 && found->ai_family == AF_INET6)
		inet_ntop(AF_INET6,
			  &((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr,
			  address, sizeof(address));
	else if (verdict == 0)
		inet_ntop(AF_INET,
			  &((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr,
			  address, sizeof(address));
	if (found)
		freeaddrinfo(found);
	if (verdict != 0)
		return error_set(err, ERROR_NETWORK,
				 "error resolving passed in network volume "
				 "address: lookup %s: %s",
				 name, gai_strerror(verdict));
	buf_printf(data, "addr=%s", address);
	return true;
}

static bool parse(const struct volume *volume, struct parsed *parsed, struct error *err)
{
	autofree char *words = mem_strdup(value_of(&volume->options, "o"));
	char *rest = words;

	for (char *word; (word = strsep(&rest, ","));) {
		if (!*word || take_flag(word, &parsed->flags))
			continue;
		if (parsed->data.length)
			buf_add_char(&parsed->data, ',');
		if (strncmp(word, "addr=", 5) != 0)
			buf_add_text(&parsed->data, word);
		else if (!add_server(word + 5, &parsed->data, err))
			return false;
	}
	return buf_check(&parsed->data, "option o", err);
}

/* A recursive bind may share what is mounted below with the host: cut off first, it stays there. */
static int unmount(const char *path)
{
	int status = mount(NULL, path, NULL, MS_PRIVATE | MS_REC, NULL);

	return status < 0 ? status : umount2(path, MNT_DETACH);
}

static bool mount_it(const struct volume *volume, const struct parsed *parsed, struct error *err)
{
	const unsigned long propagation = MS_PRIVATE | MS_SHARED | MS_SLAVE;
	const char *device = value_of(&volume->options, "device");
	const char *type = value_of(&volume->options, "type");
	unsigned long flags = parsed->flags & ~propagation;

	if (mount(device, volume->path, type, flags,
		  parsed->data.length ? parsed->data.data : NULL) < 0)
		return error_sys(
			err, "failed to mount local volume: mount %s:%s, flags: 0x%lx, data: %s",
			device, volume->path, flags, parsed->data.length ? parsed->data.data : "");
	/* A bind takes its other flags, and any mount its propagation, only afterwards. */
	if ((flags & MS_BIND && flags & ~(unsigned long)(MS_BIND | MS_REC) &&
	     mount(NULL, volume->path, NULL, flags | MS_REMOUNT, NULL) < 0) ||
	    (parsed->flags & propagation &&
	     mount(NULL, volume->path, NULL, parsed->flags & (propagation | MS_REC), NULL) < 0)) {
		error_sys(err, "set the flags of %s", volume->path);
		unmount(volume->path);
		return false;
	}
	return true;
}

bool volume_mount(const struct volume *volume, struct error *err)
{
	struct parsed parsed = { 0 };
	bool is_done;

	if (kernel_is_mount_root(volume->path))
		return true;
	buf_init(&parsed.data, DATA_MAX);
	is_done = parse(volume, &parsed, err) && mount_it(volume, &parsed, err);
	buf_done(&parsed.data);
	return is_done;
}

bool volume_unmount(const char *path, struct error *err)
{
	return !kernel_is_mount_root(path) || unmount(path) == 0 ||
	       error_sys(err, "unmount %s", path);
}
