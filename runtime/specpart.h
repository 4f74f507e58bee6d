/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SPECPART_H
#define RUNTIME_SPECPART_H

#include "runtime/spec.h"

/*
 * How the parts of spec_parse share their work: each reads one section of config.json into the
 * spec.
 */

/* The part in work: where memory comes from, what is filled, where a failure goes. */
struct spec_reader {
	struct arena *arena;
	struct spec *spec;
	struct error *err;
};

must_check bool spec_read_process(struct spec_reader *reader, const struct json *process);
must_check bool spec_read_mounts(struct spec_reader *reader, const struct json *root);
must_check bool spec_read_linux(struct spec_reader *reader, const struct json *root);
/* The scheduler, I/O priority and CPUs of a process. */
must_check bool spec_read_turns(struct spec_reader *reader, const struct json *process);
must_check bool spec_read_memory_policy(struct spec_reader *reader,
					const struct json *linux_section);
must_check bool spec_read_hooks(struct spec_reader *reader, const struct json *root);
must_check bool spec_read_resources(struct spec_reader *reader, const struct json *linux_section);

/* MS_* of a propagation name ("rslave"); 0 if it is none. */
unsigned long spec_propagation(const char *name);

/* An array member, checked against SPEC_LIST_MAX; NULL when missing. */
must_check bool spec_list(struct spec_reader *reader, const struct json *object, const char *key,
			  const struct json **list);
/* The array as zeroed structs of `size`, one per entry. */
must_check bool spec_structs(struct spec_reader *reader, const struct json *object, const char *key,
			     size_t size, const struct json **list, void *structs, size_t *count);
#define SPEC_ID_MAPS_MAX 340 /* the kernel's own limit */
/* A list of uid or gid mappings; missing gives none. */
must_check bool spec_id_maps(struct spec_reader *reader, const struct json *object, const char *key,
			     struct spec_id_map **maps, size_t *count);
/* The same for a mount, behind "idmap=" in one of its options. */
must_check bool spec_read_idmap(struct spec_reader *reader, const struct json *option,
				const char *maps, struct spec_mount *mount);
/* A number within bounds; missing gives SPEC_UNSET. */
must_check bool spec_number(struct spec_reader *reader, const struct json *object, const char *key,
			    int64_t least, int64_t most, int64_t *number);
/* A number up to 2^64-1; missing gives 0. */
must_check bool spec_unsigned(struct spec_reader *reader, const struct json *object,
			      const char *key, uint64_t *number);
/* A text; missing or empty gives NULL. */
must_check bool spec_text(struct spec_reader *reader, const struct json *object, const char *key,
			  const char **text);
/* An absolute path; missing gives NULL. */
must_check bool spec_absolute(struct spec_reader *reader, const struct json *object,
			      const char *key, const char **path);
/* An object of texts as name/value pairs. */
must_check bool spec_pairs(struct spec_reader *reader, const struct json *object, const char *key,
			   struct spec_pair **pairs, size_t *count);

#endif
