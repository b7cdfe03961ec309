"""Arrow as messages: a schema alone, or a schema with one batch."""

import pyarrow as pa


def schema_bytes(schema: pa.Schema) -> bytes:
    """A stream of no batches."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema):
        pass
    return bytes(sink.getvalue())


def record_bytes(batch: pa.RecordBatch) -> bytes:
    """A stream of one batch: readers take no second one."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
