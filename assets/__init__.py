"""What Dagster materialises: tables, resources and lineage, and the warehouse that they land in."""
