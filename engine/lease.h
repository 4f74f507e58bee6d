/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LEASE_H
#define ENGINE_LEASE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/engine.h"
#include "engine/network.h"

/*
 * Who has which address of a network: RUN/networks/KEY/ADDRESS holds a container's ID. A lease
 * counts as long as its container is alive, so kill -9 and a power cut need no tidying up.
 */

/* The network's leases, and its devices on the host, change under this lock. */
struct lease_book {
	int dir;
	int lock;
};

#define LEASE_BOOK_EMPTY                                                                           \
	(struct lease_book)                                                                        \
	{                                                                                          \
		.dir = -1, .lock = -1                                                              \
	}

must_check bool lease_open(const struct engine *engine, const struct network *network,
			   struct lease_book *book, struct error *err);
void lease_close(struct lease_book *book);

/* Leases `address`, or (family 0) the lowest that is free. ERROR_EXISTS if it is taken or none is
 * left. */
must_check bool lease_take(const struct engine *engine, const struct lease_book *book,
			   const struct network *network, enum network_family family,
			   const char *container, struct ipaddr *address, struct error *err);

/* Gives back what the container has. *is_last: nobody is left in the network; NULL: no matter. */
must_check bool lease_release(const struct engine *engine, const struct lease_book *book,
			      const char *container, bool *is_last, struct error *err);

/* The IDs of the containers that are in the network now, each once, in `arena`. Takes no lock. */
void lease_holders(const struct engine *engine, const struct network *network, struct arena *arena,
		   struct texts *ids);

/* Removes what those have left behind who were killed while they removed a network: directories of
 * none of these, which are all that there are. For who holds the lock of networks. */
void lease_sweep(const struct engine *engine, const struct network *networks, size_t count);

/* Nobody is in it and it is no more: its directory goes too. */
void lease_forget(const struct engine *engine, const struct network *network);

#endif
