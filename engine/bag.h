/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_BAG_H
#define ENGINE_BAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Many descriptors kept open through one: they lie, sent and never received, in the queue of a
 * socket (SCM_RIGHTS, unix(7)). The kernel closes them when the bag is closed, whoever holds it
 * and however that ends. So a monitor that knows nothing of networks holds a container's ports.
 */
#define BAG_MAX 8192

struct bag {
	int fd; /* what to keep; -1: empty */
	int in; /* what is sent into it */
	size_t count;
};

#define BAG_EMPTY                                                                                  \
	(struct bag)                                                                               \
	{                                                                                          \
		.fd = -1, .in = -1                                                                 \
	}

/* Puts a descriptor into the bag and closes it here, also on failure; makes the bag if it is
 * empty. */
must_check bool bag_put(struct bag *bag, int fd, struct error *err);
/* Leaves a way in, for bag_reopen, inside the bag itself: it goes with what it leads to. */
must_check bool bag_leave_way(struct bag *bag, struct error *err);
/* Finds that way in a sealed bag, also in one of another process; false if none was left. */
bool bag_reopen(struct bag *bag);
/* Puts in what is in another, sealed one, which keeps it too. */
must_check bool bag_pour(struct bag *bag, const struct bag *from, struct error *err);
/* Takes out and closes the descriptors in a reopened bag that `is_unwanted` says of. What is kept
 * is in it at every moment. */
must_check bool bag_drop(struct bag *bag, bool (*is_unwanted)(int fd), struct error *err);
/* Nothing more goes in, unless a way was left; what is in it stays open as long as bag->fd. */
void bag_seal(struct bag *bag);
void bag_close(struct bag *bag);

/* Sealed: what is in it can be looked at. */
bool bag_is_sealed(const struct bag *bag);
/* Whether a descriptor that came from another process is a bag with something in it. */
bool bag_is_one(int fd);
/* Shows each descriptor in a sealed bag to `visit`, which closes none, until that is content. True
 * if it was. */
bool bag_find(const struct bag *bag, bool (*visit)(int fd, void *context), void *context);

#endif
