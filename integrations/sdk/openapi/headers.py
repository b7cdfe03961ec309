"""Headers that an operation requires, beside those of HTTP itself and of the log-in: a version, a tenant."""

from collections.abc import Mapping

from integrations.sdk.openapi.document import Document, Operation, Parameter
from integrations.sdk.openapi.logins import is_credential
from integrations.sdk.openapi.shapes import shape_of

OF_HTTP = ("authorization", "content-type")  # the client and the log-in see to them, whatever a document says


def headers_of(document: Document, operation: Operation) -> Mapping[str, str | None]:
    """The required headers, with the value that the document gives: a default, or the only one; None without."""
    found = {}
    for each in operation.parameters:
        name = each.name.lower()
        if each.place != "header" or not each.required or name in OF_HTTP or is_credential(document, operation, each):
            continue
        value = _value(document, each)
        if name != "accept" or value:
            found[each.name] = value
    return found


def _value(document: Document, parameter: Parameter) -> str | None:
    shape = shape_of(document, parameter.schema)
    if (default := shape.keywords.get("default")) is not None:
        return str(default)
    return str(shape.enum[0]) if len(shape.enum) == 1 else None
