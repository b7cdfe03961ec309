"""A manifest against its script: inputs that are read, endpoints that are asked, an icon that can be shown."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from integrations.sdk.errors import DeclarationError, RequestForbidden
from integrations.sdk.manifest import PLACEHOLDER, Endpoints, Manifest, load_manifest
from orchestration.packaging.rules import Finding, finding
from orchestration.packaging.script_text import Asked, ScriptText, speaks_of_a_secret

MAX_ICON_BYTES = 1 << 20
IMAGES = {
    ".png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    ".jpg": re.compile(rb"\xff\xd8\xff"),
    ".jpeg": re.compile(rb"\xff\xd8\xff"),
    ".gif": re.compile(rb"GIF8[79]a"),
    ".webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    ".svg": re.compile(rb"(?s).*<svg[\s>]"),
}
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def read_for_check(script: Path) -> tuple[Manifest | None, list[Finding]]:
    """The manifest beside a script, and what is wrong with the file itself."""
    try:
        manifest = load_manifest(script)
    except DeclarationError as error:
        return None, [finding("manifest-invalid", f"{error.what}{f' ({error.hint})' if error.hint else ''}")]
    if manifest is None:
        return None, [finding("manifest-missing", f"there is no {script.stem}.manifest.yaml beside it")]
    return manifest, []


def check_manifest(manifest: Manifest, script: ScriptText | None) -> Iterator[Finding]:
    """Every finding in a manifest that can be read."""
    if manifest.icon is not None and (problem := icon_problem(manifest.path.parent, manifest.icon)):
        yield finding("icon-unusable", problem)
    for each in manifest.inputs:
        if not each.sensitive and each.type != "boolean" and speaks_of_a_secret(each.name):
            yield finding(
                "input-not-sensitive", f"`{each.name}` is not sensitive: it may be in logs and in the catalog"
            )
        if not each.help:
            yield finding("input-without-help", f"`{each.name}` has no help")
    for text in manifest.endpoints:
        if text.startswith("http://") and not text.removeprefix("http://").startswith(LOOPBACK):
            yield finding("endpoint-in-clear", f"`{text}` is not encrypted")
    if script is not None:
        yield from _check_inputs(manifest, script)
        for asked in script.requests():
            yield from _check_asked(manifest, asked)


def icon_problem(folder: Path, name: str) -> str:
    """Why a file cannot be the icon; empty when it can."""
    file = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return f"`{name}` is not below the manifest's folder"
    if not file.is_file():
        return f"`{name}` is not there"
    if file.stat().st_size > MAX_ICON_BYTES:
        return f"`{name}` is larger than 1 MiB"
    kind = IMAGES.get(file.suffix.lower())
    if kind is None or not kind.match(file.read_bytes()):
        return f"`{name}` is not an image of its kind: {', '.join(IMAGES)}"
    return ""


def _check_inputs(manifest: Manifest, script: ScriptText) -> Iterator[Finding]:
    declared, read = {each.name for each in manifest.inputs}, dict(reversed(list(script.credentials())))
    for key, line in read.items():
        if key not in declared:
            yield finding("input-undeclared", f"`{key}` is read and is no input", line)
    placed = {name for text in manifest.endpoints for name in PLACEHOLDER.findall(text)}
    if not script.reads_all_credentials():
        for name in sorted(declared - set(read) - placed):
            yield finding("input-unused", f"`{name}` is filled in and never read")


def _check_asked(manifest: Manifest, asked: Asked) -> Iterator[Finding]:
    """An address in the text; of one that is known in part, only the host is judged."""
    if "{" in asked.url or "*" in asked.url:
        return
    plain = [text for text in manifest.endpoints if not PLACEHOLDER.search(text)]
    if len(plain) < len(manifest.endpoints) and _could_be_filled(manifest, asked.url):
        return
    parts = urlsplit(asked.url)
    if not asked.whole and not parts.path:
        return  # the host may go on
    listed = plain if asked.whole else [_origin(text) for text in plain]
    allowed = manifest.model_copy(update={"endpoints": listed})
    allowed._path = manifest.path
    endpoints: Endpoints = allowed.allowed({})
    try:
        endpoints.check("a request to", asked.url if asked.whole else f"{parts.scheme}://{parts.netloc}/")
    except RequestForbidden as error:
        yield finding("endpoint-unlisted", error.what, asked.line)


def _could_be_filled(manifest: Manifest, url: str) -> bool:
    """Whether an endpoint with a placeholder in its host could be this address."""
    host = urlsplit(url).hostname or ""
    for text in manifest.endpoints:
        if PLACEHOLDER.search(text) and not text.startswith("{"):
            wanted = re.sub(r"\\\{.*?\\\}", r"[\\w.-]+", re.escape(urlsplit(text).netloc))
            if re.fullmatch(wanted, host):
                return True
    return False


def _origin(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"
