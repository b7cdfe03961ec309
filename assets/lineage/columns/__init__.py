"""Columns: which columns each column that a statement gives out is made from."""

from assets.lineage.columns.relations import Context, Output
from assets.lineage.columns.statements import Made, columns_of

__all__ = ["Context", "Made", "Output", "columns_of"]
