"""Where the records are in an answer: the answer itself, or one of the lists in it."""

from collections.abc import Iterator, Mapping, Sequence

from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import nearest
from integrations.sdk.openapi.columns import KEYS, SIMPLE
from integrations.sdk.openapi.document import Document, Operation, Schema
from integrations.sdk.openapi.naming import nouns, singular, snake
from integrations.sdk.openapi.shapes import Shape, properties_of, shape_of
from integrations.sdk.page import EACH

USUAL = ("data", "items", "results", "records", "objects", "values", "entries", "rows", "elements", "value", "list")
BESIDE = ("errors", "error", "warnings", "links", "included", "facets", "meta", "metadata", "debug")
SPOKEN = "messages"  # to who asks, as beside another list; or the records themselves
AROUND = (
    "data",
    "result",
    "results",
    "response",
    "payload",
    "body",
    "content",
    "page",
    "_embedded",
    "embedded",
    "output",
)
DEPTH = 2  # of objects around the list, as in HAL's `_embedded`


def records_of(document: Document, operation: Operation, given: str | None = None) -> tuple[str, Schema]:
    """The path to the list of records in the answer, empty when it is the list; and a record's schema.

    Raises: DeclarationError when there is none, or when it cannot be told which it is.
    """
    if operation.answer is None:
        raise DeclarationError(f"{operation} answers no JSON that {document.name} describes")
    lists = dict(_lists(document, operation.answer))
    if given is not None:
        if given not in lists:
            raise DeclarationError(f"{operation} answers no list of records at `{given}`", hint=nearest(given, lists))
        return given, lists[given]
    likely = [path for path in lists if _is_around(_without_star(path).rpartition(".")[0], operation)]
    likely = [path for path in likely if not _is_a_records_own(document, path, operation)]
    if not likely:
        keys = [
            *lists,
            *(key for key in properties_of(document, shape_of(document, operation.answer)) if key not in lists),
        ]
        raise DeclarationError(
            f"{operation} answers no list of records",
            hint=f"its answer has: {', '.join(keys[:12])}" if keys else "its answer is no object with known properties",
        )
    path = _likeliest(likely, operation)
    if path is None:
        raise DeclarationError(f"{operation} answers several lists: {', '.join(lists)}", hint="say which with records=")
    return path, lists[path]


def _lists(document: Document, answer: Schema, depth: int = 0) -> Iterator[tuple[str, Schema]]:
    """All lists of objects in an answer, by path, those nearest to its top first."""
    shape = shape_of(document, answer)
    if shape.is_list:
        if shape_of(document, shape.items).is_object:
            yield "", shape.items
        return
    if (values := _values_of(document, shape)) is not None:
        yield EACH, values
    inner = properties_of(document, shape)
    nested = []
    for name, schema in inner.items():
        found = shape_of(document, schema)
        if "." in name or name in BESIDE:
            continue
        if found.is_list and shape_of(document, found.items).is_object:
            yield name, found.items
        elif (values := _values_of(document, found)) is not None:
            yield f"{name}.{EACH}", values
        elif found.is_object and depth < DEPTH - 1:
            nested.append((name, schema))
    for name, schema in nested:
        yield from ((f"{name}.{path}", record) for path, record in _lists(document, schema, depth + 1) if path)


def _values_of(document: Document, shape: Shape) -> Schema | None:
    """What the values are of an object with any keys, if they are objects."""
    values = shape.keywords.get("additionalProperties")
    known = shape.properties or not isinstance(values, Mapping)
    return None if known or not shape_of(document, values).is_object else values


def _without_star(path: str) -> str:
    return path.removesuffix(EACH).removesuffix(".")


def _is_around(envelope: str, operation: Operation) -> bool:
    """Whether these objects are a listing's envelope, and not a record that has a list of its own."""
    noun = nouns(operation.path)[-1]
    plural = (noun,) if singular(noun) != noun else ()
    return all(name in (*AROUND, *plural) for name in envelope.split(".") if name)


def _is_a_records_own(document: Document, path: str, operation: Operation) -> bool:
    """Whether what holds the list has a key, and so is a record; a list called as lists are is one all the same."""
    *above, last = _without_star(path).split(".")
    shape = shape_of(document, operation.answer)
    for name in above:
        shape = shape_of(document, properties_of(document, shape)[name])
    if not last or last in USUAL or singular(snake(last)) == singular(nouns(operation.path)[-1]):
        return False
    return has_key(document, shape)


def has_key(document: Document, shape: Shape) -> bool:
    """Whether an object has one of the keys that records have, as a simple value."""
    keys = [schema for name, schema in properties_of(document, shape).items() if snake(name) in KEYS]
    return any(shape_of(document, schema).types in SIMPLE for schema in keys)


def _likeliest(paths: Sequence[str], operation: Operation) -> str | None:
    """The list that the path names, or that is called as lists are, or the only one; the nearest to the top first.

    An object with any keys is only meant where it is named, or the answer: what a record has besides is often one.
    """
    wanted = nouns(operation.path)[-1]
    for names in ((wanted, singular(wanted)), USUAL):
        named = [path for path in paths if snake(_without_star(path).rpartition(".")[2]) in names]
        if named:
            return named[0]
    lists = [path for path in paths if not path.endswith(f".{EACH}")]
    lists = [path for path in lists if path.rpartition(".")[2] != SPOKEN] or lists
    top = [path for path in lists if path.count(".") == min(each.count(".") for each in lists)]
    return top[0] if len(top) == 1 else None
