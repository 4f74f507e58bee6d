/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_FOOTING_H
#define IMAGE_FOOTING_H

#include "base/error.h"
#include "image/store.h"

/*
 * ROOT/footing: a layer below all layers of every image. It has what a container's root file system
 * must have and many images lack: the directories to mount on, empty files for the host's, the
 * marks by which programs know docker's containers. What an image has of its own, or has removed,
 * hides it. So none of it is made anew, copied up and removed with each container.
 *
 * Makes it, if it is not there. Several may do so at once.
 */
must_check bool footing_make(const struct store *store, struct error *err);

#endif
