"""An OpenAPI document: what it says at a path, whichever of its three versions it is written in.

References are followed when they are met, never all at once: documents refer to themselves in circles.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union

from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import nearest
from integrations.sdk.openapi.files import bundled

Schema = Any  # a mapping; since 3.1 also True and False
Place = Literal["path", "query", "header", "cookie"]

PLACES: tuple[Place, ...] = ("path", "query", "header", "cookie")
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
VERSIONS = ("2.0", "3.0", "3.1")
JSON_TYPES = re.compile(r"(application|text)/([\w.+-]+\+)?json\b|\*/\*")
PARAMETER = re.compile(r"\{([^{}]*)\}")
PARAMETER_KEYS = ("name", "in", "description", "required", "schema")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation; `schema` says what it may be."""

    name: str
    place: Place
    required: bool
    schema: Schema
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method at a path: what it takes, and what it answers on success. `body` and `answer` are schemas, or None."""

    path: str
    method: str
    parameters: tuple[Parameter, ...]
    body: Schema | None
    answer: Schema | None
    answer_headers: frozenset[str] = frozenset()
    summary: str = ""
    description: str = ""
    deprecated: bool = False
    security: tuple[Mapping[str, Any], ...] | None = field(default=None)

    def parameter(self, name: str, place: Place = "query") -> Parameter | None:
        """The parameter of that name and place, if there is one."""
        return next((each for each in self.parameters if (each.name, each.place) == (name, place)), None)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


Source = Union["Document", Mapping[str, Any], str, Path]


class Document:
    """A document that was read. Raises: DeclarationError when it is none that this knows."""

    def __init__(self, content: Mapping[str, Any], name: str = "the OpenAPI document") -> None:
        self.content, self.name = content, name
        said = content.get("swagger") or content.get("openapi") if isinstance(content, Mapping) else None
        self.version = next((known for known in VERSIONS if str(said).startswith(known)), "")
        if not self.version:
            raise DeclarationError(
                f"{name} is no OpenAPI document of version {', '.join(VERSIONS)}",
                hint=f"it says {said!r}" if said else "it has neither `openapi` nor `swagger` at its top",
            )

    @classmethod
    def load(cls, source: Source) -> "Document":
        """The document itself, parsed or from a file of JSON or YAML."""
        if isinstance(source, Document):
            return source
        if isinstance(source, Mapping):
            return cls(source)
        path = Path(source)
        return cls(bundled(_read(path), path, _read), path.name)

    @property
    def title(self) -> str:
        """What it calls itself."""
        info = self.content.get("info")
        return str(info.get("title") or "") if isinstance(info, Mapping) else ""

    @property
    def paths(self) -> Mapping[str, Any]:
        """Its paths, as they stand."""
        paths = self.content.get("paths")
        return {key: item for key, item in paths.items() if key.startswith("/")} if isinstance(paths, Mapping) else {}

    def resolve(self, node: Any) -> Any:
        """The node, or what its `$ref` leads to; a description beside the reference stays.

        Raises: DeclarationError when it leads nowhere, or back to itself.
        """
        target, description = self.follow(node)
        return {**target, "description": description} if description and isinstance(target, Mapping) else target

    def follow(self, node: Any) -> tuple[Any, str]:
        """The part of the document that the node stands for, and what was said beside the references to it."""
        passed: list[str] = []
        description = ""
        while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            reference = node["$ref"]
            if reference in passed:
                raise DeclarationError(
                    f"{self.name}: the reference {reference} leads back to itself",
                    hint=f"through {' → '.join(passed)}",
                )
            passed.append(reference)
            description = description or str(node.get("description") or "")
            node = self._at(reference)
        return node, description

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise DeclarationError(
                f"{self.name}: the reference {reference} leads into another document, which is not there",
                hint="have its files beside it, or bundle them into one, e.g. with `redocly bundle`",
            )
        node: Any = self.content
        for part in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
            key = part.replace("%7B", "{").replace("%7D", "}").replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdigit() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, Mapping) and key in node:
                node = node[key]
            else:
                known = [str(each) for each in node] if isinstance(node, Mapping) else []
                raise DeclarationError(
                    f"{self.name}: the reference {reference} leads nowhere: there is no `{key}`",
                    hint=near
                    if (near := nearest(key, known)).startswith("did")
                    else "mend the document, or drop the field",
                )
        return node

    def operations(self) -> Iterator[Operation]:
        """All operations that can be read, in the document's order."""
        return (each for each in self.each_operation() if isinstance(each, Operation))

    def each_operation(self) -> Iterator[Operation | DeclarationError]:
        """All operations, in the document's order; for each that cannot be read, why."""
        for path, item in self.paths.items():
            for method in METHODS:
                try:
                    if isinstance(found := self.resolve(item), Mapping) and method in found:
                        yield self._operation(path, method, found)
                except DeclarationError as error:
                    yield DeclarationError(f"{method.upper()} {path}: {error.what}", hint=error.hint)
                    if isinstance(item, Mapping) and "$ref" in item:
                        break  # no method of it can be

    def operation(self, path: str, method: str) -> Operation | None:
        """The operation, None when the path has no such method.

        The names of the path's parameters do not matter. Raises: DeclarationError for an unknown path.
        """
        wanted = PARAMETER.sub("{}", path.rstrip("/"))
        for known, item in self.paths.items():
            if PARAMETER.sub("{}", known.rstrip("/")) == wanted:
                found = self.resolve(item)
                return self._operation(known, method.lower(), found) if method.lower() in found else None
        raise DeclarationError(f"{self.name} has no path {path}", hint=nearest(path, self.paths))

    def _operation(self, path: str, method: str, item: Mapping[str, Any]) -> Operation:
        """The operation. Raises: DeclarationError also when a part of it is not what OpenAPI has there."""
        try:
            return self._read_operation(path, method, item)
        except (AttributeError, KeyError, TypeError) as error:  # a text for an object, a parameter without a name
            raise DeclarationError(
                f"{self.name}: the operation is not as OpenAPI has it: {error}", hint="mend the document"
            ) from None

    def _read_operation(self, path: str, method: str, item: Mapping[str, Any]) -> Operation:
        raw = self.resolve(item[method])
        parameters = [self.resolve(each) for each in (*item.get("parameters", ()), *raw.get("parameters", ()))]
        unique = {(each.get("name"), each.get("in")): each for each in parameters}  # the operation's own come last
        answer, headers = self._answer(raw)
        security = raw.get("security", self.content.get("security"))
        return Operation(
            path=path,
            method=method.upper(),
            parameters=tuple(_parameter(each) for each in unique.values() if each.get("in") in PLACES),
            body=self._body(raw, list(unique.values())),
            answer=answer,
            answer_headers=headers,
            summary=str(raw.get("summary") or ""),
            description=str(raw.get("description") or ""),
            deprecated=bool(raw.get("deprecated") or raw.get("x-is-deprecated")),
            security=None if security is None else tuple(security),
        )

    def _body(self, raw: Mapping[str, Any], parameters: list[Mapping[str, Any]]) -> Schema | None:
        if self.version == "2.0":
            return next((each.get("schema", {}) for each in parameters if each.get("in") == "body"), None)
        return _json_of(self.resolve(raw.get("requestBody") or {}))

    def _answer(self, raw: Mapping[str, Any]) -> tuple[Schema | None, frozenset[str]]:
        """The schema of the answer to a success, and the names of its headers, in lower case."""
        responses = {str(status): each for status, each in (raw.get("responses") or {}).items()}
        successes = sorted(status for status in responses if status.upper()[:1] == "2")
        for status in (*successes, "default"):
            response = self.resolve(responses.get(status) or {})
            schema = response.get("schema") if self.version == "2.0" else _json_of(response)
            if schema is not None:
                return schema, frozenset(name.lower() for name in response.get("headers") or {})
        return None, frozenset()


def _parameter(raw: Mapping[str, Any]) -> Parameter:
    """The parameter; in 2.0 its schema stands beside its name."""
    schema = raw.get("schema") or _json_of(raw)
    return Parameter(
        str(raw["name"]),
        raw["in"],
        bool(raw.get("required")) or raw["in"] == "path",
        schema or {key: value for key, value in raw.items() if key not in PARAMETER_KEYS},
        str(raw.get("description") or ""),
    )


def _json_of(holder: Mapping[str, Any]) -> Schema | None:
    """The schema of the JSON that a body or an answer of 3.x may be."""
    content = holder.get("content") or {}
    return next((each.get("schema", {}) for name, each in content.items() if JSON_TYPES.match(name)), None)


def _read(path: Path) -> Any:
    try:
        return _parsed(path.read_text(encoding="utf-8-sig"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path} cannot be read: {error}", hint="give a file of JSON or YAML") from None


def _parsed(text: str, path: Path) -> Any:
    """JSON, or YAML, in which a time stays a text and a status may be a number."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if path.suffix.lower() == ".json":
            raise DeclarationError(f"{path} is not JSON: {error}") from None
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times faster, if it is there
        """Without times."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        return yaml.load(text, Loader)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError as error:
        raise DeclarationError(f"{path} is neither JSON nor YAML: {error}") from None
