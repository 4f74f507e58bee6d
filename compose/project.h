/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_PROJECT_H
#define COMPOSE_PROJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/texts.h"
#include "compose/variables.h"

/*
 * A project: what its compose files say, checked, complete, and with the names that things have in
 * docker. Everything lives in its arena. Nothing here looks at what runs.
 */
#define PROJECT_SERVICES_MAX 1024
#define PROJECT_SCALE_MAX    1000

enum condition {
	CONDITION_STARTED,
	CONDITION_HEALTHY,
	CONDITION_COMPLETED,
};

struct dependency {
	size_t service; /* its index in the project */
	enum condition condition;
	bool is_required; /* else its failure is only told */
	bool restarts;    /* with it, when a command of ours makes it anew or restarts it */
};

struct service {
	const char *name;
	const char *image;          /* never NULL: PROJECT-NAME where there is only `build` */
	const char *container_name; /* NULL: from the project, the service and a number */
	bool is_build_only;         /* no `image`: there must be one of that name all the same */
	bool is_enabled;            /* by its profiles, or because it was asked for */
	bool is_silent;             /* `attach: false` */
	int64_t scale;
	struct dependency *dependencies; /* also by links, volumes_from, network_mode, pid, ipc */
	size_t dependency_count;
	/* The normalised mapping. `environment` holds env_file's too; null: the container has no
	 * such variable; all paths are absolute. What has an own field above is there as well. */
	struct json *tree;
	const char *hash; /* of what a change of makes another container necessary */
};

/* A network or a volume. */
struct resource {
	const char *key;  /* in the file */
	const char *name; /* in docker: PROJECT_KEY, or what the file says */
	bool is_external;
	bool is_used;   /* by an enabled service */
	bool is_wanted; /* made even if no service that is brought up uses it */
	const struct json *tree;
};

struct project {
	struct arena arena;
	const char *name;
	const char *directory; /* absolute */
	const char *store;     /* MOORING_ROOT: where projectfile.h writes */
	bool is_classic;       /* mistakes are told in 1's words */
	bool is_named;         /* by the user, and not after its directory */
	const char *separator; /* between the parts of a container's name: "-", or "_" */
	struct texts files;    /* absolute */
	struct texts warnings; /* for the user; one line each */
	struct variables environment;
	struct variables given;   /* .env, behind the process' own */
	struct json *tree;        /* the merged document */
	struct service *services; /* in the order of their names */
	size_t service_count;
	struct resource *networks;
	size_t network_count;
	struct resource *volumes;
	size_t volume_count;
};

#define autoproject __attribute__((cleanup(project_done)))

/* What the command line says; zero is fine. */
struct project_request {
	struct texts files; /* -f; empty: looked for in the directory and above */
	struct texts env_files;
	struct texts profiles; /* "*": all */
	struct texts services; /* named on the command line: enabled whatever their profiles */
	const char *directory; /* --project-directory */
	const char *name;      /* -p */
	const char *store;     /* see struct project */
	bool is_compatible;    /* names with '_' */
	/* 1: what a name may not hold is left out, the first format is read, and all volumes are
	 * made; 2 refuses the former, and makes those that are used. */
	bool is_classic;
	bool wants_resources;  /* --all-resources: those that nobody uses, too */
	bool wants_everything; /* all profiles: for what ends and lists */
	bool keeps_variables;  /* only the tree is read, and ${…} in it is left as it is */
};

must_check bool project_load(struct project *project, const struct project_request *request,
			     struct error *err);
/* Only the name, and no services: for commands that can do without files (-p NAME ps). */
must_check bool project_load_name(struct project *project, const struct project_request *request,
				  struct error *err);
void project_done(struct project *project);

/* -- project_load's parts, for tests: from a merged document ---------------------------------- */
must_check bool project_check(struct project *project, const struct project_request *request,
			      struct error *err);

/* NULL if there is none of that name. */
struct service *project_find(const struct project *project, const char *name);
struct resource *project_network(const struct project *project, const char *key);
struct resource *project_volume(const struct project *project, const char *key);

/* "my.Proj" → "myproj", what docker's names may hold. */
const char *project_normal_name(struct arena *arena, const char *text);
/* "PROJECT-SERVICE-1", or container_name. */
const char *project_container_name(struct arena *arena, const struct project *project,
				   const struct service *service, int number);

#endif
