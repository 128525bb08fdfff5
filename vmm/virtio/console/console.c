/* SPDX-License-Identifier: MIT */
/* Ports, their bytes and the messages about them: see console.h. */
#include "vmm/virtio/console/console.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* [VIRTIO 5.3.2 "Virtqueues"] */
#define QUEUE_CONTROL_IN  2
#define QUEUE_CONTROL_OUT 3

/* [VIRTIO 5.3.6.2 "Multiport Device Operation"] */
enum event {
	DEVICE_READY = 0,
	DEVICE_ADD = 1,
	PORT_READY = 3,
	CONSOLE_PORT = 4,
	PORT_OPEN = 6,
	PORT_NAME = 7,
};

/* [VIRTIO 5.3.4 "Device configuration layout"] */
struct config {
	u16 cols, rows;
	u32 max_nr_ports, emerg_wr;
};

static struct virtio_console *console_of(struct virtio *virtio)
{
	return container_of(virtio, struct virtio_console, virtio);
}

static u32 in_queue(u32 port)
{
	return port ? 2 + 2 * port : 0;
}

static u32 out_queue(u32 port)
{
	return in_queue(port) + 1;
}

static u32 index_of(const struct console_port *port)
{
	return (u32)(port - port->console->port);
}

/* ---- from the guest ---- */

/* What the chardev takes now; false: not all. */
static bool write_out(struct console_port *port)
{
	const struct virtq_chain *chain = &port->out;
	u64 skip = port->out_bytes;

	for (u32 i = 0; i < chain->read_count; i++) {
		const struct iovec *part = &chain->iov[i];
		size_t size, taken;

		if (skip >= part->iov_len) {
			skip -= part->iov_len;
			continue;
		}
		size = part->iov_len - skip;
		taken = chardev_write(port->chardev,
				      (u8 *)part->iov_base + skip, size);
		port->out_bytes += taken;
		if (taken < size)
			return false;
		skip = 0;
	}
	return true;
}

static int next_out(struct console_port *port, struct virtq *vq)
{
	int got;

	port->out.iov = port->out_iov;
	port->out.iov_max = CONSOLE_QUEUE_SIZE;
	got = virtq_pop(vq, &port->out);
	port->has_out = got > 0;
	return got;
}

static void serve_out(struct console_port *port)
{
	struct virtio *virtio = &port->console->virtio;
	u32 queue = out_queue(index_of(port));
	struct virtq *vq = &virtio->queue[queue];
	int got = port->has_out ? 1 : next_out(port, vq);
	u32 left = vq->size;

	while (got > 0 && left && write_out(port)) {
		virtq_push(vq, &port->out, 0);
		port->out_bytes = 0;
		got = next_out(port, vq);
		left--;
	}
	if (got < 0)
		virtio_broken(virtio);
	/* A guest that is as fast as we are must not have the loop for itself. */
	else if (!left)
		virtio_notify(virtio, queue);
	virtio_tell(virtio, queue);
}

/* ---- to the guest ---- */

static bool can_receive(const struct console_port *port)
{
	const struct virtio *virtio = &port->console->virtio;

	/* Without ports there is nothing to open. */
	return virtio_running(virtio) &&
	       (port->opened || !virtio_has(virtio, VIRTIO_CONSOLE_F_MULTIPORT));
}

/* A buffer to fill; false: the guest has given none. */
static bool next_in(struct console_port *port)
{
	struct virtio *virtio = &port->console->virtio;
	int got;

	if (port->has_in)
		return true;
	port->in.iov = port->in_iov;
	port->in.iov_max = CONSOLE_QUEUE_SIZE;
	got = virtq_pop(&virtio->queue[in_queue(index_of(port))], &port->in);
	if (got < 0 || (got > 0 && !port->in.write_bytes))
		virtio_broken(virtio);
	port->has_in = got > 0 && port->in.write_bytes;
	return port->has_in;
}

static size_t on_room(void *ctx)
{
	struct console_port *port = ctx;
	struct mutex *lock = &port->console->virtio.dev.lock;
	size_t room = 0;

	mutex_lock(lock);
	if (can_receive(port) && next_in(port))
		room = port->in.write_bytes;
	mutex_unlock(lock);
	return room;
}

static void on_receive(void *ctx, const u8 *data, size_t size)
{
	struct console_port *port = ctx;
	struct virtio *virtio = &port->console->virtio;
	u32 queue = in_queue(index_of(port));

	mutex_lock(&virtio->dev.lock);
	/* The guest may have reset the device since it was asked. */
	if (port->has_in && virtio_running(virtio)) {
		const struct virtq_chain *chain = &port->in;
		size_t written = iov_write(chain->iov + chain->read_count,
					   chain->write_count, 0, data, size);

		virtq_push(&virtio->queue[queue], chain, (u32)written);
		port->has_in = false;
		virtio_tell(virtio, queue);
	}
	mutex_unlock(&virtio->dev.lock);
}

static void on_writable(void *ctx)
{
	struct console_port *port = ctx;

	virtio_notify(&port->console->virtio, out_queue(index_of(port)));
}

/* ---- messages ---- */

/* As many as the guest has buffers for; a name follows its message. */
static void send_messages(struct virtio_console *console)
{
	struct virtio *virtio = &console->virtio;
	struct virtq *vq = &virtio->queue[QUEUE_CONTROL_IN];
	struct virtq_chain chain = {.iov = console->control_iov,
				    .iov_max = CONSOLE_QUEUE_SIZE};
	u32 sent = 0;
	int got = 0;

	while (sent < console->message_count &&
	       (got = virtq_pop(vq, &chain)) > 0) {
		const struct console_message *m = &console->message[sent++];
		const struct iovec *to = chain.iov + chain.read_count;
		size_t size = iov_write(to, chain.write_count, 0, m, sizeof(*m));

		if (m->event == PORT_NAME) {
			const char *name = console->port[m->port].name;

			size += iov_write(to, chain.write_count, sizeof(*m),
					  name, strlen(name));
		}
		virtq_push(vq, &chain, (u32)size);
	}
	if (got < 0)
		virtio_broken(virtio);
	console->message_count -= sent;
	memmove(console->message, console->message + sent,
		console->message_count * sizeof(console->message[0]));
	virtio_tell(virtio, QUEUE_CONTROL_IN);
}

/* A driver that asks for more than it takes hears no more. */
static void say(struct virtio_console *console, u32 port, enum event event,
		u16 value)
{
	if (console->message_count < CONSOLE_MESSAGE_MAX)
		console->message[console->message_count++] =
			(struct console_message){port, (u16)event, value};
}

static void port_is_ready(struct virtio_console *console, u32 index)
{
	const struct console_port *port = &console->port[index];

	if (port->name[0])
		say(console, index, PORT_NAME, 1);
	else
		say(console, index, CONSOLE_PORT, 1);
	/* Somebody listens, or will. */
	say(console, index, PORT_OPEN, 1);
}

static void hear(struct virtio_console *console,
		 const struct console_message *message)
{
	if (message->event == DEVICE_READY && message->value == 1) {
		for (u32 i = 0; i < console->port_count; i++)
			say(console, i, DEVICE_ADD, 0);
		return;
	}
	if (message->port >= console->port_count)
		return;
	if (message->event == PORT_READY && message->value == 1)
		port_is_ready(console, message->port);
	if (message->event == PORT_OPEN) {
		struct console_port *port = &console->port[message->port];

		port->opened = message->value;
		if (port->opened)
			chardev_input_wanted(port->chardev);
	}
}

static void serve_control_out(struct virtio_console *console)
{
	struct virtio *virtio = &console->virtio;
	struct virtq *vq = &virtio->queue[QUEUE_CONTROL_OUT];
	struct virtq_chain chain = {.iov = console->control_iov,
				    .iov_max = CONSOLE_QUEUE_SIZE};
	u32 left = vq->size;
	int got = 0;

	while (left-- && (got = virtq_pop(vq, &chain)) > 0) {
		struct console_message message;
		size_t size = iov_read(chain.iov, chain.read_count, 0, &message,
				       sizeof(message));

		virtq_push(vq, &chain, 0);
		if (size == sizeof(message))
			hear(console, &message);
	}
	if (got < 0)
		virtio_broken(virtio);
	else if (got > 0)
		virtio_notify(virtio, QUEUE_CONTROL_OUT);
	virtio_tell(virtio, QUEUE_CONTROL_OUT);
	send_messages(console);
}

/* ---- the device ---- */

static void serve(struct virtio *virtio, u32 queue)
{
	struct virtio_console *console = console_of(virtio);
	u32 index = queue < QUEUE_CONTROL_IN ? 0 : queue / 2 - 1;

	if (queue == QUEUE_CONTROL_IN)
		send_messages(console);
	else if (queue == QUEUE_CONTROL_OUT)
		serve_control_out(console);
	else if (index >= console->port_count)
		return;
	else if (queue % 2)
		serve_out(&console->port[index]);
	else
		chardev_input_wanted(console->port[index].chardev);
}

static void config_read(struct virtio *virtio, u32 offset, void *data, u32 size)
{
	const struct config config = {
		.cols = 80,
		.rows = 25,
		.max_nr_ports = console_of(virtio)->port_count,
	};

	memcpy(data, (const u8 *)&config + offset, size);
}

static void forget(struct virtio *virtio)
{
	struct virtio_console *console = console_of(virtio);

	console->message_count = 0;
	for (u32 i = 0; i < console->port_count; i++) {
		struct console_port *port = &console->port[i];

		port->opened = port->has_in = port->has_out = false;
		port->out_bytes = 0;
	}
}

static const struct virtio_class console_class = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	.features = VIRTIO_CONSOLE_F_MULTIPORT,
	.queue_count = 2 + 2 * CONSOLE_PORT_MAX,
	.queue_size = CONSOLE_QUEUE_SIZE,
	.config_bytes = sizeof(struct config),
	.config_read = config_read,
	.serve = serve,
	.forget = forget,
};

/*
 * What was popped and not used is there again, for us and for whoever restores
 * this; out_bytes says how much of the first chain is done.
 */
static void saving(struct dev *dev)
{
	struct virtio_console *console =
		console_of(container_of(dev, struct virtio, dev));
	struct virtq *queue = console->virtio.queue;

	for (u32 i = 0; i < console->port_count; i++) {
		struct console_port *port = &console->port[i];

		if (port->has_in)
			virtq_unpop(&queue[in_queue(i)]);
		if (port->has_out)
			virtq_unpop(&queue[out_queue(i)]);
		port->has_in = port->has_out = false;
	}
}

static int restored(struct dev *dev)
{
	struct virtio_console *console =
		console_of(container_of(dev, struct virtio, dev));
	int err = virtio_dev_restored(dev);

	if (console->message_count > CONSOLE_MESSAGE_MAX)
		return trace_err(-EINVAL);
	for (u32 i = 0; i < console->message_count; i++)
		if (console->message[i].port >= console->port_count)
			return trace_err(-EINVAL);
	return err;
}

static const struct field fields[] = {
	VIRTIO_FIELDS(struct virtio_console),
	VIRTIO_QUEUE_FIELDS(struct virtio_console, 0),
	VIRTIO_QUEUE_FIELDS(struct virtio_console, 1),
	VIRTIO_QUEUE_FIELDS(struct virtio_console, 2),
	VIRTIO_QUEUE_FIELDS(struct virtio_console, 3),
	VIRTIO_QUEUE_FIELDS(struct virtio_console, 4),
	VIRTIO_QUEUE_FIELDS(struct virtio_console, 5),
	VIRTIO_QUEUE_FIELDS(struct virtio_console, 6),
	VIRTIO_QUEUE_FIELDS(struct virtio_console, 7),
	FIELD(struct virtio_console, port[0].opened, 1),
	FIELD(struct virtio_console, port[0].out_bytes, 1),
	FIELD(struct virtio_console, port[1].opened, 1),
	FIELD(struct virtio_console, port[1].out_bytes, 1),
	FIELD(struct virtio_console, port[2].opened, 1),
	FIELD(struct virtio_console, port[2].out_bytes, 1),
	FIELD(struct virtio_console, message, 1),
	FIELD(struct virtio_console, message_count, 1),
};

static const struct dev_class dev_class = {
	.name = "virtio_console",
	.spec = "VIRTIO",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = virtio_dev_reset,
	.saving = saving,
	.restored = restored,
	.release = virtio_dev_release,
};

static void init_port(struct virtio_console *console, u32 index,
		      const struct console_port_setup *setup)
{
	struct console_port *port = &console->port[index];
	size_t size = strnlen(setup->name, CONSOLE_NAME_BYTES - 1);

	port->console = console;
	port->chardev = setup->chardev;
	memcpy(port->name, setup->name, size);
	if (port->chardev)
		chardev_attach(port->chardev, &(struct chardev_user){
						      .room = on_room,
						      .receive = on_receive,
						      .writable = on_writable,
						      .ctx = port,
					      });
}

void virtio_console_init(struct virtio_console *console,
			 const struct console_port_setup *port, u32 port_count,
			 struct guest_mem *mem, struct loop *loop)
{
	assert(port_count >= 1 && port_count <= CONSOLE_PORT_MAX);
	assert(2 + 2 * CONSOLE_PORT_MAX <= VIRTIO_QUEUE_MAX);
	*console = (struct virtio_console){.port_count = port_count};
	virtio_init(&console->virtio, &console_class, &dev_class, mem, loop,
		    console_class.features);
	for (u32 i = 0; i < port_count; i++)
		init_port(console, i, &port[i]);
	dev_reset(&console->virtio.dev);
}
