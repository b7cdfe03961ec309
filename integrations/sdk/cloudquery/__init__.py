"""CloudQuery's plugin protocol, version 3: Arrow over gRPC. Needs the extra `headwater[cloudquery]`."""
