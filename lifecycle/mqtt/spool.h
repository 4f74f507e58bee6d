/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_MQTT_SPOOL_H
#define LIFECYCLE_MQTT_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "lifecycle/mqtt/proxy.h"

/*
 * Messages that wait to be sent, first in, first out: in memory, or in a directory where they
 * survive a reboot.
 *
 *     added ──► next ──► taken (on its way) ──► done
 *                 ▲                │
 *                 └──── rewind ────┘          whoever was to send it is gone
 *
 * On disk: DIRECTORY/NUMBER.spool, segments of records, each with a CRC-32. A segment is removed
 * when all of its messages are done; what is done in the oldest one stands in DIRECTORY/done, which
 * may be behind after a power cut: then messages are sent twice, never lost. A torn record at the
 * end of a segment is the end of that segment.
 */

struct spool;

/* `directory` (made if it is missing) NULL: in memory. Reads what is there. */
must_check bool spool_open(struct spool **spool, const char *directory, int64_t size_max,
			   struct error *err);
void spool_close(struct spool *spool);

/* Copies the message. On disk QoS 1 is durable when the call returns. Where there is no room the
 * oldest waiting QoS 0 messages make it; if that is not enough: ERROR_NO_SPACE. */
must_check bool spool_add(struct spool *spool, const struct mqtt_message *message,
			  struct error *err);

/* The next message to be sent; it counts as taken. False: there is none. It is valid until the
 * next call. What cannot be read any more is left out, with a line in the log. */
bool spool_next(struct spool *spool, uint64_t *id, struct mqtt_message *message);

/* A message that was taken has arrived, or is given up. Unknown: nothing happens. */
void spool_done(struct spool *spool, uint64_t id);

/* All that were taken and are not done are to be sent again, in their order. */
void spool_rewind(struct spool *spool);

/* Forgets the QoS 0 messages that are not taken. */
void spool_drop_qos0(struct spool *spool);

uint64_t spool_oldest(const struct spool *spool); /* its id; 0: there is none */
size_t spool_count(const struct spool *spool);    /* all that are not done */
size_t spool_taken(const struct spool *spool);
int64_t spool_bytes(const struct spool *spool); /* topics and payloads of them */

#endif
