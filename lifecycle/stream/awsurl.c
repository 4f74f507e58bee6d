/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/buf.h"
#include "lifecycle/stream/exporter.h"

#define URL_MAX 8192

const char *aws_endpoint(struct arena *arena, const char *configured, const char *prefix,
			 const char *region)
{
	const char *domain = strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";

	return configured ? configured
			  : arena_printf(arena, "https://%s.%s.%s", prefix, region, domain);
}

static void add_encoded(struct buf *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~/";

	for (; *text; text++) {
		if (strchr(plain, *text))
			buf_add_char(out, *text);
		else
			buf_printf(out, "%%%02X", (unsigned char)*text);
	}
}

const char *aws_object_url(struct arena *arena, const struct stream_settings *settings,
			   const char *region, const char *bucket, const char *key,
			   const char *query)
{
	const char *endpoint = aws_endpoint(arena, settings->s3_endpoint, "s3", region);
	const char *host = strstr(endpoint, "://");
	autobuf struct buf out;

	host = host ? host + 3 : endpoint;
	buf_init(&out, URL_MAX);
	/* A certificate is for one label in front of the host: none with dots. */
	if (settings->is_path_style || strchr(bucket, '.'))
		buf_printf(&out, "%s/%s/", endpoint, bucket);
	else
		buf_printf(&out, "%.*s%s.%s/", (int)(host - endpoint), endpoint, bucket, host);
	add_encoded(&out, key);
	buf_add_text(&out, query);
	return arena_strdup(arena, out.data);
}
