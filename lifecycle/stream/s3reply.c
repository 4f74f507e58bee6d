/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/s3reply.h"

#include <stdio.h>
#include <string.h>

#include "base/word.h"

/* No markup is expected inside, and no entity is of use to us: what we look for are codes, ids and
 * a sentence for people. */
bool s3_xml_text(const struct buf *xml, const char *element, char *text, size_t size)
{
	char open[64], close[64];
	const char *start, *end;

	snprintf(open, sizeof(open), "<%s>", element);
	snprintf(close, sizeof(close), "</%s>", element);
	start = strstr(xml->data, open);
	end = start ? strstr(start, close) : NULL;
	if (!end)
		return false;
	start += strlen(open);
	if ((size_t)(end - start) >= size)
		return false;
	memcpy(text, start, (size_t)(end - start));
	text[end - start] = '\0';
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return true;
}

static void say_why(struct s3_reply *reply, int status, const char *code, const struct buf *body)
{
	char message[256] = "";

	s3_xml_text(body, "Message", message, sizeof(message));
	snprintf(reply->reason, sizeof(reply->reason), "HTTP %d%s%s%s%s", status,
		 code[0] ? ", " : "", code, message[0] ? ": " : "", message);
}

static void find_region(struct s3_reply *reply, const struct fetch_reply *from)
{
	const char *region = NULL;
	struct error err;

	if (json_text_or(from->headers, "x-amz-bucket-region", NULL, &region, &err) && region &&
	    strlen(region) < sizeof(reply->region))
		snprintf(reply->region, sizeof(reply->region), "%s", region);
	else
		s3_xml_text(&from->body, "Region", reply->region, sizeof(reply->region));
}

void s3_reply_read(struct s3_reply *reply, const struct fetch_reply *from)
{
	static const char *const again[] = {
		"RequestTimeout", "RequestTimeTooSkewed", "SlowDown", "OperationAborted",
		"ExpiredToken",   "InternalError",        NULL
	};
	static const char *const elsewhere[] = { "PermanentRedirect", "TemporaryRedirect",
						 "AuthorizationHeaderMalformed", NULL };
	char code[64] = "";
	int status = from->status;

	*reply = (struct s3_reply){ .verdict = S3_IS_TO_RETRY };
	if (from->has_failed) {
		snprintf(reply->reason, sizeof(reply->reason), "%s", from->text);
		return;
	}
	s3_xml_text(&from->body, "Code", code, sizeof(code));
	if (status >= 200 && status < 300 && !strstr(from->body.data, "<Error>")) {
		reply->verdict = S3_IS_GOOD;
		return;
	}
	say_why(reply, status, code, &from->body);
	reply->are_keys_bad = strcmp(code, "ExpiredToken") == 0;
	if (status == 429 || status == 408 || status >= 500 || status < 300 ||
	    word_is_in(code, again))
		return;
	find_region(reply, from);
	if ((status == 301 || status == 307 || word_is_in(code, elsewhere)) && reply->region[0])
		reply->verdict = S3_IS_ELSEWHERE;
	else
		reply->verdict = strcmp(code, "NoSuchUpload") == 0 ? S3_IS_LOST : S3_IS_REFUSED;
}
