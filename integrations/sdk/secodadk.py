"""The names that scripts import from the `secodadk` package: ours, so that such a script runs unchanged."""

from datetime import datetime
from typing import Annotated, List, Literal, Optional, Union  # noqa: UP035 - the package exports these, too

import pydantic
from pydantic import Field

from integrations.sdk.integration import SecodaIntegration
from integrations.sdk.lineage import (
    DeclaredLineage,
    ExternalColumn,
    ExternalTable,
    InternalResource,
    LineageID,
    TablesFromSQLQuery,
)
from integrations.sdk.resource import Resource

__all__ = [
    "Annotated",
    "DeclaredLineage",
    "ExternalColumn",
    "ExternalTable",
    "Field",
    "InternalResource",
    "LineageID",
    "List",
    "Literal",
    "Optional",
    "Resource",
    "SecodaIntegration",
    "TablesFromSQLQuery",
    "Union",
    "datetime",
    "pydantic",
]
