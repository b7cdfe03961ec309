"""The demo: real data, served by a real Datasette on this machine, synced like any other source."""
