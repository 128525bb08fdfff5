/* SPDX-License-Identifier: MIT */
/* The disks, as clients ask for them. [QMP-REF "Block devices"] */
#include <stdio.h>

#include "vmm/monitor/monitor_internal.h"

void monitor_disk_name(u32 index, char name[static 16])
{
	(void)snprintf(name, 16, "disk%u", index);
}

/* [QMP-REF "BlockDeviceInfo"] */
static struct json_object *inserted(const struct board_disk *disk,
				    const char *name)
{
	u64 size_bytes = block_size_bytes(disk->block);
	const char *format = block_format(disk->block);

	return value_pairs("file", value_text(disk->path), "node-name",
			   value_text(name), "drv", value_text(format), "ro",
			   value_bool(block_read_only(disk->block)),
			   "backing_file_depth", value_u64(0), "encrypted",
			   value_bool(false), "detect_zeroes", value_text("off"),
			   "write_threshold", value_u64(0), "bps", value_u64(0),
			   "bps_rd", value_u64(0), "bps_wr", value_u64(0),
			   "iops", value_u64(0), "iops_rd", value_u64(0),
			   "iops_wr", value_u64(0), "image",
			   value_pairs("filename", value_text(disk->path),
				       "format", value_text(format),
				       "virtual-size", value_u64(size_bytes)));
}

void qmp_query_block(struct qmp_call *call)
{
	const struct machine_config *config =
		machine_config(call->monitor->machine);

	call->result = json_object_new_array();
	for (u32 i = 0; i < config->disk_count; i++) {
		const struct board_disk *disk = &config->disk[i];
		struct json_object *drive;
		char name[16];

		monitor_disk_name(i, name);
		drive = value_pairs(
			"device", value_text(name), "qdev", value_text(name),
			"locked", value_bool(false), "removable",
			value_bool(disk->cdrom), "type", value_text("unknown"),
			"io-status", value_text("ok"));
		if (disk->block)
			value_add(drive, "inserted", inserted(disk, name));
		value_append(call->result, drive);
	}
}

void qmp_query_named_block_nodes(struct qmp_call *call)
{
	const struct machine_config *config =
		machine_config(call->monitor->machine);

	call->result = json_object_new_array();
	for (u32 i = 0; i < config->disk_count; i++) {
		char name[16];

		monitor_disk_name(i, name);
		if (config->disk[i].block)
			value_append(call->result,
				     inserted(&config->disk[i], name));
	}
}

u64 monitor_written(const u64 counter[static BLOCK_OP_COUNT])
{
	return counter[BLOCK_WRITE] + counter[BLOCK_WRITE_ZEROES];
}

/* [QMP-REF "BlockDeviceStats"] */
static struct json_object *stats_of(const struct block *block)
{
	const struct block_stats *s = block_stats(block);

	return value_pairs(
		"rd_bytes", value_u64(s->bytes[BLOCK_READ]), "wr_bytes",
		value_u64(monitor_written(s->bytes)), "unmap_bytes",
		value_u64(s->bytes[BLOCK_DISCARD]), "rd_operations",
		value_u64(s->count[BLOCK_READ]), "wr_operations",
		value_u64(monitor_written(s->count)), "flush_operations",
		value_u64(s->count[BLOCK_FLUSH]), "unmap_operations",
		value_u64(s->count[BLOCK_DISCARD]), "rd_total_time_ns",
		value_u64(s->time_ns[BLOCK_READ]), "wr_total_time_ns",
		value_u64(monitor_written(s->time_ns)), "flush_total_time_ns",
		value_u64(s->time_ns[BLOCK_FLUSH]), "unmap_total_time_ns",
		value_u64(s->time_ns[BLOCK_DISCARD]), "failed_rd_operations",
		value_u64(s->failed[BLOCK_READ]), "failed_wr_operations",
		value_u64(monitor_written(s->failed)),
		"failed_flush_operations", value_u64(s->failed[BLOCK_FLUSH]),
		"failed_unmap_operations", value_u64(s->failed[BLOCK_DISCARD]));
}

void qmp_query_blockstats(struct qmp_call *call)
{
	const struct machine_config *config =
		machine_config(call->monitor->machine);
	bool nodes = qmp_bool(call, "query-nodes", false);

	call->result = json_object_new_array();
	for (u32 i = 0; i < config->disk_count; i++) {
		char name[16];

		if (!config->disk[i].block)
			continue; /* an empty drive has done nothing */
		monitor_disk_name(i, name);
		value_append(call->result,
			     value_pairs("device", value_text(nodes ? "" : name),
					 "qdev", value_text(name), "node-name",
					 value_text(name), "stats",
					 stats_of(config->disk[i].block)));
	}
}
