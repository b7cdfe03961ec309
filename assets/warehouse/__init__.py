"""The warehouse: where rows, cursors and the ledger of syncs are kept, in one DuckDB file."""
