"""Our integrations as CloudQuery source plugins: protocol version 3, over gRPC. Needs `headwater[cloudquery]`."""
