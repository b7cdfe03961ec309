"""The command line: `headwater`. It drives the same Dagster assets as the UI, in this process."""
