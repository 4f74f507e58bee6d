/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_PROFILE_H
#define REGISTRY_PROFILE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * Profiles as AWS' programs keep them: [NAME] in ~/.aws/credentials, [profile NAME] (but [default])
 * in ~/.aws/config, lines of KEY = VALUE.
 */
struct profile {
	const char *access_key_id, *secret_access_key, *session_token;
	const char *role_arn, *source_profile, *role_session_name, *external_id;
	const char *web_identity_token_file;
	const char *credential_process;
	const char *credential_source; /* Environment, EcsContainer, Ec2InstanceMetadata */
	const char *region;
	const char *use_fips_endpoint, *use_dualstack_endpoint;
};

/* Adds what `text` says of the profile to *profile, where that is still NULL. Everything lives in
 * `arena`. False if it says nothing of it. */
bool profile_read(struct arena *arena, const char *text, const char *name, struct profile *profile);

#endif
