/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/credentials.h"
#include "cli/enquiry.h"
#include "registry/reference.h"

#define LEARNT_MAX (2 << 20)

/* What is written into the descriptor interests nobody. */
static bool talk(const struct enquiry *enquiry, const char *domain, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autoclose int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	autofree char *packet =
		mem_printf("{\"id\":1,\"op\":\"login\",\"reference\":\"%s/x\"}", domain);
	const struct json *reply;

	if (nowhere < 0)
		return error_sys(err, "open /dev/null");
	return enquiry_ask(enquiry, packet, nowhere, &arena, &reply, err);
}

static bool verify_by(const struct credentials *credentials, const char *domain, struct error *err)
{
	struct enquiry enquiry;
	struct error ignored;

	if (!enquiry_open(credentials, &enquiry, err))
		return false;
	bool is_known = talk(&enquiry, domain, err);

	return enquiry_close(&enquiry, is_known ? err : &ignored) && is_known;
}

/* The last word of a token server counts. */
static void read_learnt(struct arena *arena, int fd, const char **identity_token)
{
	autobuf struct buf text;
	const struct json *line;
	struct error ignored;
	char *rest;

	buf_init(&text, LEARNT_MAX);
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0 || !file_read_fd(fd, "learnt", &text, &ignored))
		return;
	rest = text.data;
	for (char *one; (one = strsep(&rest, "\n")) != NULL;)
		if (*one && json_parse(arena, "learnt", one, strlen(one), &line, &ignored))
			(void)!json_text_or(line, "identitytoken", *identity_token, identity_token,
					    &ignored);
}

bool verify_login(const struct cli *cli, struct arena *arena, const char *domain,
		  const struct dockerconfig_login *login, const char **identity_token,
		  struct error *err)
{
	const struct credentials_places places = { .docker_config = cli->docker_config,
						   .config = cli->config };
	struct reference reference;
	struct credentials credentials;
	autofree char *probe = mem_printf("%s/x", domain);

	*identity_token = NULL;
	if (!reference_parse(&reference, probe, err))
		return error_in(err, "\"%s\" is not a registry", domain);
	if (!credentials_gather_login(&places, domain, login, &credentials, err))
		return false;
	bool is_known = verify_by(&credentials, domain, err);

	if (is_known)
		read_learnt(arena, credentials.learnt_fd, identity_token);
	credentials_done(NULL, &credentials);
	return is_known;
}
