"""Tables from an OpenAPI document: 2.0 (Swagger), 3.0 and 3.1, in JSON or YAML.

Nothing else in Headwater imports this: an integration that does not use it does not pay for it.
"""

from integrations.sdk.openapi.columns import DROP, Override
from integrations.sdk.openapi.document import Document
from integrations.sdk.openapi.logins import openapi_auth, openapi_base_url
from integrations.sdk.openapi.tables import openapi_table, openapi_tables

__all__ = [
    "DROP",
    "Document",
    "Override",
    "openapi_auth",
    "openapi_base_url",
    "openapi_table",
    "openapi_tables",
]
