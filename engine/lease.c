/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/newfile.h"
#include "base/path.h"
#include "engine/container.h"
#include "engine/ipam.h"
#include "engine/status.h"

#define SEARCH_MAX (1U << 20) /* addresses that are looked at, of a large subnet */

static char *directory_of(const struct engine *engine, const struct network *network)
{
	return mem_printf("%s/networks/%s", engine->run, network_key(network));
}

bool lease_open(const struct engine *engine, const struct network *network, struct lease_book *book,
		struct error *err)
{
	autofree char *path = directory_of(engine, network);
	autoclose int dir = -1, lock = -1;

	*book = LEASE_BOOK_EMPTY;
	if (!path_make_own_dirs(path, 0700, err))
		return false;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "open %s", path);
	if (!file_lock(dir, ".lock", FILE_LOCK_EXCLUSIVE, &lock, err))
		return false;
	book->dir = take_fd(&dir);
	book->lock = take_fd(&lock);
	return true;
}

void lease_close(struct lease_book *book)
{
	mem_cleanup_close(&book->dir);
	mem_cleanup_close(&book->lock);
	*book = LEASE_BOOK_EMPTY;
}

static bool read_holder(int dir, const char *address, char holder[CONTAINER_ID_LENGTH + 1])
{
	autobuf struct buf text;
	struct error ignored;

	buf_init(&text, CONTAINER_ID_LENGTH);
	if (address[0] == '.' || !file_read(dir, address, &text, &ignored) ||
	    text.length != CONTAINER_ID_LENGTH)
		return false;
	memcpy(holder, text.data, text.length + 1);
	return true;
}

static bool is_alive(const struct engine *engine, const char *container)
{
	return status_is_running(engine, container) || status_is_locked(engine, container);
}

static bool is_free(const struct engine *engine, const struct lease_book *book, const char *name,
		    const char *container)
{
	char holder[CONTAINER_ID_LENGTH + 1];

	return !read_holder(book->dir, name, holder) || strcmp(holder, container) == 0 ||
	       !is_alive(engine, holder);
}

static bool write_lease(const struct lease_book *book, const char *name, const char *container,
			struct error *err)
{
	return file_replace(book->dir, name, container, strlen(container), 0600, FILE_VOLATILE,
			    err);
}

static bool take_this(const struct engine *engine, const struct lease_book *book,
		      const struct network *network, enum network_family family,
		      const char *container, const struct ipaddr *address, struct error *err)
{
	char name[IPADDR_TEXT_MAX];

	ipaddr_text(address, name);
	if (!ipnet_has(&network->pools[family].subnet, address))
		return error_set(err, ERROR_INPUT,
				 "Invalid address %s: It does not belong to any of this network's "
				 "subnets",
				 name);
	if (!ipam_is_usable(network, family, address) || !is_free(engine, book, name, container))
		return error_set(err, ERROR_EXISTS, "Address already in use: %s", name);
	return write_lease(book, name, container, err);
}

bool lease_take(const struct engine *engine, const struct lease_book *book,
		const struct network *network, enum network_family family, const char *container,
		struct ipaddr *address, struct error *err)
{
	const struct network_pool *pool = &network->pools[family];
	const struct ipnet *range = pool->range.address.family ? &pool->range : &pool->subnet;
	struct ipaddr next = ipnet_first(range);

	if (address->family)
		return take_this(engine, book, network, family, container, address, err);
	for (unsigned int i = 0; i < SEARCH_MAX && ipnet_has(range, &next); i++) {
		char name[IPADDR_TEXT_MAX];

		ipaddr_text(&next, name);
		if (ipam_is_usable(network, family, &next) &&
		    is_free(engine, book, name, container)) {
			*address = next;
			return write_lease(book, name, container, err);
		}
		ipaddr_add(&next, 1);
	}
	return error_set(err, ERROR_EXISTS,
			 "no available %s addresses on this network's address pools: %s (%s)",
			 family == NETWORK_IPV6 ? "IPv6" : "IPv4", network->name, network->id);
}

bool lease_release(const struct engine *engine, const struct lease_book *book,
		   const char *container, bool *is_last, struct error *err)
{
	autodir DIR *entries = file_list(book->dir, ".");

	if (!entries)
		return error_sys(err, "read leases");
	if (is_last)
		*is_last = true;
	for (struct dirent *entry; (entry = readdir(entries));) {
		char holder[CONTAINER_ID_LENGTH + 1];

		/* Half a lease, or what crashed while it wrote something else here: it had our
		 * lock. */
		if (strstr(entry->d_name, NEWFILE_BESIDE)) {
			unlinkat(book->dir, entry->d_name, 0);
			continue;
		}
		if (!read_holder(book->dir, entry->d_name, holder))
			continue;
		if (strcmp(holder, container) != 0 && (!is_last || is_alive(engine, holder))) {
			if (is_last)
				*is_last = false;
			continue;
		}
		if (unlinkat(book->dir, entry->d_name, 0) < 0 && errno != ENOENT)
			return error_sys(err, "release address %s", entry->d_name);
	}
	return true;
}

void lease_holders(const struct engine *engine, const struct network *network, struct arena *arena,
		   struct texts *ids)
{
	autofree char *path = directory_of(engine, network);
	autodir DIR *entries = file_list(AT_FDCWD, path);

	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		char holder[CONTAINER_ID_LENGTH + 1];

		if (read_holder(dirfd(entries), entry->d_name, holder) && !texts_has(ids, holder) &&
		    is_alive(engine, holder))
			texts_add(ids, arena_strdup(arena, holder));
	}
}

static bool is_known(const struct network *networks, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(network_key(&networks[i]), key) == 0)
			return true;
	}
	return false;
}

void lease_sweep(const struct engine *engine, const struct network *networks, size_t count)
{
	autofree char *path = mem_printf("%s/networks", engine->run);
	autodir DIR *entries = opendir(path);
	struct error ignored; /* it is found the next time */

	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		if (strlen(entry->d_name) == NETWORK_ID_LENGTH &&
		    !is_known(networks, count, entry->d_name) &&
		    !path_remove_tree(dirfd(entries), entry->d_name, &ignored))
			return;
	}
}

void lease_forget(const struct engine *engine, const struct network *network)
{
	autofree char *path = directory_of(engine, network);
	struct error ignored; /* an empty directory that ends with the machine */

	if (!path_remove_tree(AT_FDCWD, path, &ignored))
		return;
}
