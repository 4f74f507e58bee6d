/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_S3REPLY_H
#define LIFECYCLE_STREAM_S3REPLY_H

#include "lifecycle/stream/fetcher.h"

/* What S3 says to a request for an object. */

#define S3_REASON_MAX 384

enum s3_verdict {
	S3_IS_GOOD,
	S3_IS_TO_RETRY,  /* the network, or S3's own trouble, or keys that are too old */
	S3_IS_ELSEWHERE, /* the bucket is in another region: see `region` */
	S3_IS_LOST,      /* the multipart upload is not known (any more) */
	S3_IS_REFUSED,   /* and always will be */
};

struct s3_reply {
	enum s3_verdict verdict;
	bool are_keys_bad;
	char reason[S3_REASON_MAX]; /* "HTTP 404 Not Found, NoSuchBucket: …" for people */
	char region[64];
};

void s3_reply_read(struct s3_reply *reply, const struct fetch_reply *from);

/* The text of the first such element of a piece of XML; false if there is none that fits. */
bool s3_xml_text(const struct buf *xml, const char *element, char *text, size_t size);

#endif
