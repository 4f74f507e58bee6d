/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOGPRESS_H
#define ENGINE_LOGPRESS_H

/*
 * mooring-logpress packs rotated logs (gzip), and unpacks them for readers. It runs as long as that
 * takes, and while it works it may only read, write and end.
 *
 *     mooring-logpress NAME FILES      packs NAME.1 … NAME.FILES-1 of the directory that is fd 3:
 * NAME.1 becomes NAME.1.gz. Started by the monitor after a rotation, and killed by it before the
 * next one mooring-logpress --expand        unpacks stdin to stdout; 1: it is damaged, or ends too
 * early
 */

#define LOGPRESS_SUFFIX ".gz"
#define LOGPRESS_FRESH  ".gz.new" /* NAME.gz.new: not whole yet */
#define LOGPRESS_COMMENT_MAX                                                                       \
	24 /* bytes of the header's comment: the packed file's inode, decimal */

#endif
