/* SPDX-License-Identifier: MIT */
/*
 * Compressed clusters: [QCOW2 "Compressed Clusters Descriptor"]. zlib's are
 * bare deflate streams, zstd's are frames; both end before their last sector
 * does. Whatever a stream says, it gets one cluster of room.
 */
#define ZLIB_CONST
#include <assert.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "vmm/block/qcow2/inside.h"

/* Bare deflate (negative), of 4 KiB windows when written, any when read. */
#define DEFLATE_WINDOW_BITS (-12)
#define INFLATE_WINDOW_BITS (-15)
/* A cluster has 2 MiB at most, so no honest frame needs more. */
#define ZSTD_WINDOW_LOG_MAX 22

static int unpack_zlib(const u8 *in, u64 in_bytes, u8 *out, u32 out_bytes)
{
	z_stream stream = {
		.next_in = in,
		.avail_in = (uInt)in_bytes,
		.next_out = out,
		.avail_out = out_bytes,
	};
	int rc = inflateInit2(&stream, INFLATE_WINDOW_BITS);

	if (rc != Z_OK)
		return trace_err(rc == Z_MEM_ERROR ? -ENOMEM : -EIO);
	rc = inflate(&stream, Z_FINISH);
	(void)inflateEnd(&stream);
	/* Its end mark may be cut off; its bytes must all be there. */
	if ((rc != Z_STREAM_END && rc != Z_BUF_ERROR && rc != Z_OK) ||
	    stream.avail_out)
		return trace_err(-EIO);
	return 0;
}

static int unpack_zstd(const u8 *in, u64 in_bytes, u8 *out, u32 out_bytes)
{
	ZSTD_inBuffer from = {in, in_bytes, 0};
	ZSTD_outBuffer to = {out, out_bytes, 0};
	ZSTD_DStream *stream = ZSTD_createDStream();
	size_t rc = 1;

	if (!stream)
		return trace_err(-ENOMEM);
	(void)ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax,
				     ZSTD_WINDOW_LOG_MAX);
	while (!ZSTD_isError(rc) && to.pos < to.size) {
		size_t before = from.pos + to.pos;

		rc = ZSTD_decompressStream(stream, &to, &from);
		if (from.pos + to.pos == before)
			break;
	}
	ZSTD_freeDStream(stream);
	return ZSTD_isError(rc) || to.pos < to.size ? trace_err(-EIO) : 0;
}

static int packed_buffer(struct qcow2 *q)
{
	/* Read: a cluster's sectors, and the two that are cut. */
	if (!q->packed)
		q->packed = malloc((size_t)q->cluster_bytes * 2 + 1024);
	if (!q->unpacked)
		q->unpacked = malloc(q->cluster_bytes);
	return q->packed && q->unpacked ? 0 : trace_err(-ENOMEM);
}

int cluster_unpack(struct qcow2 *q, u64 entry)
{
	u64 bytes = compressed_bytes(q, entry);
	int err = packed_buffer(q);

	assert(entry & ENTRY_COMPRESSED);
	if (err || entry == q->unpacked_entry)
		return err;
	q->unpacked_entry = 0;
	if (bytes > (u64)q->cluster_bytes * 2 + 1024)
		return trace_err(-EIO);
	err = block_file_read(&q->image.file, compressed_offset(q, entry),
			      q->packed, bytes);
	if (!err && q->compression == QCOW2_ZSTD)
		err = unpack_zstd(q->packed, bytes, q->unpacked,
				  q->cluster_bytes);
	else if (!err)
		err = unpack_zlib(q->packed, bytes, q->unpacked,
				  q->cluster_bytes);
	if (!err)
		q->unpacked_entry = entry;
	return err;
}

static int pack_zlib(const void *data, u32 size, u8 *out, u64 max, u64 *ret_size)
{
	z_stream stream = {
		.next_in = data,
		.avail_in = size,
		.next_out = out,
		.avail_out = (uInt)max,
	};
	int rc = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
			      DEFLATE_WINDOW_BITS, 9, Z_DEFAULT_STRATEGY);

	if (rc != Z_OK)
		return trace_err(rc == Z_MEM_ERROR ? -ENOMEM : -EIO);
	rc = deflate(&stream, Z_FINISH);
	*ret_size = rc == Z_STREAM_END ? stream.total_out : 0;
	(void)deflateEnd(&stream);
	return 0;
}

static int pack_zstd(const void *data, u32 size, u8 *out, u64 max, u64 *ret_size)
{
	size_t n = ZSTD_compress(out, max, data, size, ZSTD_CLEVEL_DEFAULT);

	*ret_size = ZSTD_isError(n) ? 0 : n;
	return 0;
}

int cluster_pack(const struct qcow2 *q, const void *data, void *out, u64 max,
		 u64 *ret_size)
{
	return q->compression == QCOW2_ZSTD
		       ? pack_zstd(data, q->cluster_bytes, out, max, ret_size)
		       : pack_zlib(data, q->cluster_bytes, out, max, ret_size);
}
