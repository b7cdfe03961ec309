"""Wiring: configuration, Dagster definitions, and the command line. No HTTP, no SQL."""
