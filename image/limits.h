/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_LIMITS_H
#define IMAGE_LIMITS_H

/*
 * Every size and count that an image, an archive or a registry can choose has its limit here, by
 * name.
 */

/* Documents. */
#define LIMIT_IMAGE_JSON      (4 << 20)  /* a manifest, an index, an image's configuration */
#define LIMIT_ARCHIVE_JSON    (16 << 20) /* all documents of one archive together */
#define LIMIT_ARCHIVE_JSONS   4096       /* how many of them */
#define LIMIT_ARCHIVE_MEMBERS 65536
#define LIMIT_ARCHIVE_LAYERS  4096 /* of one that comes through a pipe */
#define LIMIT_ARCHIVE_DEPTH   4    /* directories in one that is a directory */
#define LIMIT_ARCHIVE_IMAGES  256
#define LIMIT_ARCHIVE_NAMES   1024 /* of one image */
#define LIMIT_INDEX_ENTRIES   1024
#define LIMIT_INDEX_DEPTH     3
#define LIMIT_CONFIG_ITEMS    4096  /* variables, labels, words, … of each kind */
#define LIMIT_CONFIG_VALUES   32768 /* of JSON, each 72 bytes of memory; history is most of them */
#define LIMIT_LAYERS          127   /* overlay and docker have the same */
#define LIMIT_STORE_JSON      (8 << 20) /* our own files */

/* A layer. */
#define LIMIT_LAYER_ENTRIES     2000000
#define LIMIT_LAYER_TAR         (1LL << 40) /* uncompressed bytes, to the end of the padding */
#define LIMIT_LAYER_FILE        (1LL << 40) /* one file, holes included */
#define LIMIT_LAYER_DIRECTORIES (64 << 20)  /* bytes of memory for them, removed ones included */
#define LIMIT_ENTRY_PATH        4096
#define LIMIT_ENTRY_COMPONENT   255
#define LIMIT_ENTRY_LINKS       40  /* symlinks on the way to an entry */
#define LIMIT_LINK_COMPONENTS   128 /* of where a symlink leads */
#define LIMIT_LAYER_LINK_STEPS                                                                     \
	(1 << 19) /* names through symlinks, times the longest one's components */
#define LIMIT_ENTRY_HEADERS ((1 << 20) + (64 << 10)) /* libarchive's PAX header, and the others */
#define LIMIT_ENTRY_XATTRS  64
#define LIMIT_ENTRY_XATTR   65536
#define LIMIT_ENTRY_ID      4294967294LL /* uid, gid */
#define LIMIT_PACK_DEPTH    500          /* a descriptor each */
#define LIMIT_PAX_HEADER    (8 << 20)    /* that we write */

/* Decompressors: a window of 128 MiB is what zstd --ultra -22 needs, or --long. */
#define LIMIT_ZSTD_WINDOW_LOG 27

/* What one of them may have unasked: xz -9 has a dictionary, zstd --ultra -21 a window of 64 MiB.
 * "unpack-memory" in daemon.json is in its place. */
#define LIMIT_DECODER_MEMORY (65LL << 20)

/* A layer or archive may unpack to so many bytes, and beyond them to so many times what it has
 * compressed: one of zeros is honest, as a file for swapping has them; gigabytes of them fill what
 * is left of a device's flash. "unpack-ratio" in daemon.json is in its place. */
#define LIMIT_UNPACK_FLOOR (1LL << 30)
#define LIMIT_UNPACK_RATIO 200
#define UNPACK_RATIO_MAX   1000000 /* what can be set: no limit */

/* What extraction leaves free on the disk: the smaller of the two. */
#define RESERVE_BYTES   (64LL << 20)
#define RESERVE_PERCENT 2

/* How often the free space is looked at. */
#define RESERVE_CHECK (4LL << 20)

/* The disk is kept busy while a layer is unpacked, so that little is left for the sync at its end:
 * after so many bytes everything is written out. Layers of fewer (compressed) bytes do without. */
#define FLUSH_BYTES (8LL << 20)
#define FLUSH_LAYER (8LL << 20)
#define FLUSH_ENTRY 4096 /* what an entry counts for, besides its content */

/* How often the place is kept where a pull can go on after it was cut off, and for how many days.
 */
#define CHECKPOINT_SECONDS 4
#define CHECKPOINT_DAYS    7

/* Inside of a file, too, from this size on and where its headers in the archive are no longer. */
#define CHECKPOINT_FILE   (8LL << 20)
#define CHECKPOINT_HEADER 4096

/* Layers are made to last together, but no more than this stays at the mercy of a power cut. */
#define UNPUBLISHED_BYTES (32LL << 20)

#define LAYERS_AT_ONCE    2

/* How far those who inflate and write stand back (nice(2)). */
#define UNPACK_NICE 5

/* What all processes of a pull or load may have together, without "unpack-memory" in daemon.json:
 * where an image needs more, only what has to be is more. Of it, what goes to other things than
 * layers; what each layer takes that is being unpacked, beside its decompressor; gzip's, and that
 * of a layer that is not compressed; the least that can be set: zstd's default window fits, and two
 * layers of gzip. Measured by tests/bench and by the tests. */
#define UNPACK_MEMORY       (16LL << 20)
#define UNPACK_MEMORY_BASE  (21LL << 18) /* 5.25 MiB */
#define UNPACK_MEMORY_EACH  (11LL << 17) /* 1.375 MiB */
#define UNPACK_MEMORY_GZIP  (1LL << 20)
#define UNPACK_MEMORY_PLAIN (1LL << 19)
#define UNPACK_MEMORY_LEAST (10LL << 20)

/* Messages. */
#define LIMIT_FETCH_PACKET (64 << 10)
#define LIMIT_EVENT        (64 << 10)

#endif
