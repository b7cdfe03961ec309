"""The manifest beside a script: what it is called, what a user fills in, which endpoints it may ask.

`NAME.manifest.yaml` beside `NAME.py`, or `manifest.yaml` in its folder. A superset of the form in which Secoda
asks for the same: docs/secoda.md has every key.
"""

import base64
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, quote_plus, unquote, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrations.sdk.errors import ConfigError, DeclarationError, RequestForbidden
from integrations.sdk.names import first_repeated, nearest
from integrations.sdk.origins import DEFAULT_PORTS
from integrations.sdk.redact import MASK, SHORTEST, register_secret

SUFFIX = ".manifest.yaml"
SHARED_NAME = "manifest.yaml"
LONG_INNER = 12
ENDPOINT = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^/:?#@\s\\]+)(:(?P<port>\d+|\*))?(?P<path>/\S*)?"
)
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
TRUE_AND_FALSE = {"true": True, "false": False}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Input(_Strict):
    """One field of the form that a user fills in; the script finds it in `self.credentials`."""

    name: str = Field(pattern=r"^[^\s.{}]+$", description="The key in `self.credentials`, and in the source's `spec`.")
    type: Literal["string", "number", "boolean", "json"] = Field("string", description="What the value is.")
    required: bool = Field(True, description="Whether it has to be there, and not empty.")
    sensitive: bool = Field(False, description="Whether it may appear nowhere: it is masked in whatever is written.")
    help: str = Field("", description="What to fill in, and where to find it.")


class Manifest(_Strict):
    """What a script says of itself; `path` is the manifest's file."""

    name: str = Field(min_length=1, max_length=100, description="What the integration is called, for people.")
    version: str = Field(pattern=r"^\d+(\.\d+){0,2}([-+][0-9A-Za-z.+-]+)?$", description="Such as 1.2.0.")
    icon: str | None = Field(None, description="An image file, relative to the manifest.")
    category: str = Field("", description="Where a marketplace lists it.")
    description: str = Field("", description="What it does, in some sentences.")
    script: str | None = Field(None, description="In a shared `manifest.yaml`: the script's file name.")
    readme: str | None = Field(None, description="A Markdown file for the archive, relative to the manifest.")
    inputs: list[Input] = Field([], description="What a user fills in.")
    endpoints: list[str] = Field(description="Every address that the script may ask; nothing else is let out.")

    _path: Path = Path(SHARED_NAME)

    @property
    def path(self) -> Path:
        """The manifest's file."""
        return self._path

    def credentials(self, given: Mapping[str, Any], where: str) -> dict[str, Any]:
        """The spec as the script's credentials: checked, and its sensitive inputs registered for redaction.

        Raises: ConfigError that names every wrong input, and no value.
        """
        by_name = {each.name: each for each in self.inputs}
        problems, hints, checked = [], [], {}
        for key, value in given.items():
            if key in by_name:
                try:
                    checked[key] = _value(by_name[key], value)
                except ValueError as error:
                    problems.append(f"`{key}` {error}")
            else:
                problems.append(f"unknown input `{key}`")
                hints.append(nearest(str(key), by_name))
        for name, each in by_name.items():
            if each.required and (given.get(name) is None or given[name] == ""):
                problems.append(f"`{name}` is {'empty' if name in given else 'missing'}")
                hints += [f"{name}: {each.help}"] if each.help else []
        if problems:
            raise ConfigError(f"{where}: {'; '.join(dict.fromkeys(problems))}", hint="; ".join(hints))
        present = {key: value for key, value in checked.items() if value is not None}
        for secret in self._secrets(present):
            register_secret(secret)
        return present

    def secrets(self, credentials: Mapping[str, Any]) -> "Secrets":
        """What of the credentials may appear nowhere."""
        return Secrets(list(self._secrets(credentials)))

    def allowed(self, credentials: Mapping[str, Any]) -> "Endpoints":
        """The endpoints that may be asked, with inputs put into their placeholders. Raises: ConfigError."""
        filled = [filled for text in self.endpoints if (filled := _filled(text, credentials, self.path.name))]
        return Endpoints([_endpoint(text) for text in filled], self.path.name)

    def _secrets(self, credentials: Mapping[str, Any]) -> Iterator[str]:
        for each in self.inputs:
            if each.sensitive and each.name in credentials:
                yield from _pieces(credentials[each.name], each.type)


def manifest_path(script: Path) -> Path | None:
    """The script's manifest, None when it has none. A shared one that names another script is not this one's."""
    own, shared = script.with_name(script.stem + SUFFIX), script.with_name(SHARED_NAME)
    if own.is_file():
        return own
    if not shared.is_file():
        return None
    document = _document(shared)
    named = document.get("script") if isinstance(document, dict) else None
    return shared if named in (None, script.name) else None


def load_manifest(script: Path) -> Manifest | None:
    """The manifest beside a script, None when there is none. Raises: DeclarationError that names every mistake."""
    path = manifest_path(script)
    return read_manifest(path) if path else None


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises: DeclarationError that names every mistake."""
    return manifest_from(_document(path), path)


def manifest_from(document: object, path: Path) -> Manifest:
    """The manifest that a YAML document is. Raises: DeclarationError that names every mistake."""
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        problems, hints = [], []
        for problem in error.errors(include_url=False, include_input=False):
            key = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "extra_forbidden":
                problems.append(f"unknown key `{key}`")
                hints.append(
                    nearest(str(problem["loc"][-1]), (Input if len(problem["loc"]) > 1 else Manifest).model_fields)
                )
            else:
                problems.append(f"`{key}` is missing" if problem["type"] == "missing" else f"`{key}`: {problem['msg']}")
                hints += [f"write `{key}` in quotes"] if problem["type"] == "string_type" else []
        raise DeclarationError(f"{path.name}: {'; '.join(problems)}", hint="; ".join(hints)) from None
    manifest._path = path
    _check(manifest)
    return manifest


def _document(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DeclarationError(f"the manifest {path.name} cannot be read: {reason}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DeclarationError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None


def _check(manifest: Manifest) -> None:
    """What a model cannot say of itself. Raises: DeclarationError."""
    where, names = manifest.path.name, [each.name for each in manifest.inputs]
    if repeated := first_repeated(names):
        raise DeclarationError(f"{where}: two inputs are called `{repeated}`")
    for each in manifest.inputs:
        if each.sensitive and each.type == "boolean":
            raise DeclarationError(f"{where}: `{each.name}` is a boolean: true and false cannot be kept out of sight")
    for text in manifest.endpoints:
        for name in PLACEHOLDER.findall(text):
            found = next((each for each in manifest.inputs if each.name == name), None)
            if found is None:
                raise DeclarationError(f"{where}: endpoint `{text}` names no input", hint=nearest(name, names))
            if found.type != "string" or found.sensitive:
                raise DeclarationError(
                    f"{where}: endpoint `{text}` needs `{name}` to be a string that is not sensitive",
                    hint="addresses are shown in messages",
                )
        if not PLACEHOLDER.search(text):
            _endpoint(text)


def _value(declared: Input, value: Any) -> Any:
    """The value as the script is given it. Raises: ValueError with what is wrong, without the value."""
    if value is None or (value == "" and not declared.required):
        return None
    made = _READERS[declared.type](value)
    if declared.sensitive and len(str(made)) < SHORTEST:
        raise ValueError(f"is sensitive, and too short to be kept out of sight: it needs {SHORTEST} characters")
    return made


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("has to be a text: write it in quotes")
    return value


def _number(value: Any) -> float:
    if isinstance(value, str):  # from ${ENV}
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                raise ValueError("has to be a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("has to be a number")
    return value


def _boolean(value: Any) -> bool:
    found = TRUE_AND_FALSE.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise ValueError("has to be true or false")
    return found


def _json(value: Any) -> str:
    """JSON as text, which is how Secoda's form gives it: the script decodes it itself."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("has to be JSON") from None
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        raise ValueError("has to be JSON: it has a value that JSON does not know, such as a date") from None


_READERS = {"string": _string, "number": _number, "boolean": _boolean, "json": _json}


def _pieces(value: Any, type_: str) -> Iterator[str]:
    """A sensitive value as text, its long lines, and the texts inside a JSON document."""
    text = str(value)
    yield text
    yield from (line.strip() for line in text.splitlines() if len(line.strip()) >= LONG_INNER)
    if type_ == "json":
        yield from _inner(json.loads(text))


def _inner(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _inner(item)
    elif isinstance(value, str) and len(value) >= LONG_INNER and "://" not in value:
        yield value
        yield from (line for line in value.splitlines() if len(line) >= LONG_INNER)


class Secrets:
    """The sensitive inputs of one use of a script; `masked` takes them out of a text that others will read.

    Not `redact`: that knows the secrets of all sources, and a table of one may be called as another's password.
    """

    def __init__(self, values: list[str]) -> None:
        forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def masked(self, text: str) -> str:
        """The text with every one of them replaced by `***`."""
        return self._pattern.sub(MASK, text) if self._pattern else text


def _forms(value: str) -> Iterator[str]:
    encoded = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()
    yield from (value, json.dumps(value)[1:-1], quote(value, "", errors="replace"), quote(value, errors="replace"))
    yield from (quote_plus(value, errors="replace"), encoded, encoded.rstrip("="))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One entry of the list: a scheme, a host (`*.` for its sub-domains), a port, and a path that may go on."""

    text: str
    scheme: str
    host: str
    port: int | None  # None is any
    path: tuple[str, ...]

    def admits(self, scheme: str, host: str, port: int, paths: list[list[str]]) -> bool:
        """Whether it lists the address; every reading of the path has to be below it."""
        if scheme != self.scheme or self.port not in (None, port):
            return False
        wild = self.host.startswith("*.")
        if not (host.endswith(self.host[1:]) if wild else host == self.host):
            return False
        return all(_below(path, self.path) for path in paths)


class Endpoints:
    """The endpoints that a script may ask; `where` is the manifest that lists them."""

    def __init__(self, endpoints: list[Endpoint], where: str) -> None:
        self.endpoints, self.where = endpoints, where

    def check(self, method: str, url: str) -> None:
        """Raises: RequestForbidden for an address that is not listed, or that two readers may read differently."""
        shown, admitted = "an address that cannot be read", False
        if not re.search(r"[\\\s\x00-\x1f\x7f]", url):
            try:
                parts = urlsplit(url)
                host, port = _host(parts.hostname or ""), parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
            except (ValueError, UnicodeError):
                pass
            else:
                named = f":{parts.port}" if parts.port else ""
                shown = f"{parts.scheme}://{host}{named}{parts.path}"
                paths = [_segments(parts.path), _segments(_decoded(parts.path))]
                admitted = any(each.admits(parts.scheme, host, port, paths) for each in self.endpoints)
        if not admitted:
            listed = ", ".join(each.text for each in self.endpoints[:5]) or "nothing"
            raise RequestForbidden(
                f"{method} {shown} is not let out: {self.where} lists {listed}",
                hint=f"if the script may ask it, add it to `endpoints` in {self.where}",
            )


def _endpoint(text: str) -> Endpoint:
    """The entry that a text is. Raises: DeclarationError."""
    match = ENDPOINT.fullmatch(text)
    host = match["host"].lower().strip(".") if match else ""
    labels = host.removeprefix("*.")
    if not match or "*" in labels or not labels or (host != labels and "." not in labels):
        raise DeclarationError(
            f"`{text}` is not an endpoint",
            hint="write https://api.example.com, https://api.example.com/v1, or https://*.example.com",
        )
    path = match["path"] or ""
    if "?" in path or "#" in path or "%" in path or set(path.split("/")) & {".", ".."}:
        raise DeclarationError(f"the endpoint `{text}` has more than a plain path", hint="leave `?…`, `%…`, `..` out")
    port = None if match["port"] == "*" else int(match["port"] or DEFAULT_PORTS[match["scheme"]])
    prefix = "*." if host != labels else ""
    return Endpoint(text, match["scheme"], prefix + _host(labels), port, tuple(_segments(path)))


def _filled(text: str, credentials: Mapping[str, Any], where: str) -> str | None:
    """The endpoint with inputs in the place of `{name}`; None when an optional one is not given."""
    names = PLACEHOLDER.findall(text)
    if any(name not in credentials for name in names):
        return None
    for name in names:
        value = str(credentials[name])
        whole = text.startswith(f"{{{name}}}") and re.fullmatch(r"https?://[^\s*?#@\\]+", value)
        if not whole and not re.fullmatch(r"[\w.-]+", value):
            raise ConfigError(
                f"`{name}` is part of an endpoint in {where}, and no address",
                hint="write it as https://host, without `?`, `#`, `@` and `*`" if text.startswith("{") else "",
            )
        text = text.replace(f"{{{name}}}", value.rstrip("/") if whole else value)
    return text


def _host(host: str) -> str:
    bare = host.strip("[]").rstrip(".").lower()
    return bare if bare.isascii() else bare.encode("idna").decode()


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _decoded(path: str) -> str:
    """The path as the most obliging server may read it: decoded to the end, dots resolved."""
    while (once := unquote(path)) != path:
        path = once
    kept: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/".join(kept)


def _below(path: list[str], prefix: tuple[str, ...]) -> bool:
    """Whether the path begins with the prefix, segment by segment; `*` stands for anything inside one."""
    if len(path) < len(prefix):
        return False
    return all(
        re.fullmatch(re.escape(wanted).replace(r"\*", ".*"), segment) is not None
        for wanted, segment in zip(prefix, path, strict=False)
    )
