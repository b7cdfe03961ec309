"""The YAML documents of a config file, or of all files of a folder, with what `${…}` stands for not yet put in.

A placeholder may stand where YAML would read its braces as its own, as in `[${NAME}, other]`: while YAML is
read, two characters that no text has are in their place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest
from orchestration.substitution import PLACEHOLDER, Plain, substitute, text_of
from orchestration.yaml_values import Loader, why_not_yaml

MARK = re.compile("\ue000(\\d+)\ue001")


@dataclass(frozen=True, slots=True)
class Document:
    """One document: where it is, what kind it is of, and its spec as it is written."""

    where: str
    kind: str
    spec: dict[str, Any]


def read_documents(path: Path, kinds: tuple[str, ...]) -> list[Document]:
    """All documents of a file, or of a folder's YAML files, by name. Raises: ConfigError."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in (".yml", ".yaml") and file.name[0] != ".")
        if not files:
            raise ConfigError(f"the folder {path} has no config files", hint="they end in .yml or .yaml")
    return [document for file in files for document in _documents(file, kinds)]


def _documents(file: Path, kinds: tuple[str, ...]) -> Iterator[Document]:
    for number, document in enumerate(_parsed(file), start=1):
        where = f"{file.name}, document {number}"
        for key in document if isinstance(document, dict) else ():
            if key not in ("kind", "spec"):
                raise ConfigError(f"{where}: unknown key `{key}`", hint=nearest(key.lower(), ("kind", "spec")))
        if not isinstance(document, dict) or "kind" not in document:
            raise ConfigError(f"{where}: a document needs `kind` and `spec`", hint=f"kinds: {', '.join(kinds)}")
        kind, spec = substitute(document["kind"], file.parent, "kind"), document.get("spec")
        if kind not in kinds:
            raise ConfigError(f"{where}: `{kind}` is not a kind of document", hint=nearest(str(kind), kinds))
        if not isinstance(spec, dict | None):
            raise ConfigError(f"{where}: `spec` is not a mapping", hint="write its fields below it, further in")
        yield Document(where, kind, spec or {})


def _parsed(file: Path) -> list[Any]:
    hint = "name it with --config or HEADWATER_CONFIG, or start from the README's example"
    text = text_of(file, f"the config file {file}", hint=hint)
    placeholders: list[str] = []

    def mark(match: re.Match[str]) -> str:
        placeholders.append(match[0])
        return f"\ue000{len(placeholders) - 1}\ue001"

    try:
        documents = list(yaml.load_all(PLACEHOLDER.sub(mark, text), _Loader))
    except yaml.YAMLError as error:
        said = _unmarked(why_not_yaml(error), placeholders)
        raise ConfigError(f"{file} is not YAML: {said}") from None
    return [_unmarked(document, placeholders) for document in documents if document is not None]


class _Loader(Loader):
    """Remembers which texts with placeholders were not in quotes; has no `kind` twice in a document."""

    def construct_document(self, node: yaml.Node) -> Any:
        """The document. Raises: YAMLError for what looks like two."""
        kinds = [key for key, _ in node.value if key.value == "kind"] if isinstance(node, yaml.MappingNode) else []
        if len(kinds) > 1:
            raise yaml.MarkedYAMLError(None, None, "`kind` is there twice: is `---` missing?", kinds[1].start_mark)
        return super().construct_document(node)


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    text: str = loader.construct_scalar(node)
    return Plain(text) if node.style is None and MARK.search(text) else text


_Loader.add_constructor("tag:yaml.org,2002:str", _text)


def _unmarked(value: Any, placeholders: list[str]) -> Any:
    """The value with its placeholders, at any depth."""
    if isinstance(value, str):
        return type(value)(MARK.sub(lambda match: placeholders[int(match[1])], value))
    if isinstance(value, dict):
        return {_unmarked(key, placeholders): _unmarked(item, placeholders) for key, item in value.items()}
    if isinstance(value, list):
        return [_unmarked(item, placeholders) for item in value]
    return value
