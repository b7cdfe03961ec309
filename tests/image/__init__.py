"""The Dockerfile, really built and run: only with HEADWATER_IMAGE=1 (`make test-image`)."""
