"""config.yaml: which sources, with which spec, where to, how often. The shape of CloudQuery's file.

Several YAML documents, each with a `kind` and a `spec` (orchestration/specs.py). Unknown keys are errors.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from assets.destinations.writers import WAREHOUSE, plugin_spec, spec_of
from integrations.sdk.cloudquery.source import HUB, REGISTRIES
from integrations.sdk.errors import ConfigError
from integrations.sdk.names import first_repeated, nearest, slug
from integrations.sdk.redact import redact
from orchestration.cloudquery_files import Difference, Reader
from orchestration.documents import Document, read_documents
from orchestration.problems import in_one, problems_of
from orchestration.specs import (
    FLAGS,
    LISTS,
    MAPPINGS,
    CatalogSpec,
    DestinationSpec,
    DuckDBSpec,
    SourceSpec,
    TransformerSpec,
)
from orchestration.substitution import PLACEHOLDER, substitute

DEFAULT_PATH = "config.yaml"
WAREHOUSE_NAME = "warehouse"
KINDS = ("source", "destination", "catalog", "transformer")
BACKEND = re.compile(r"@@plugins\.([^.]+)\.connection")


@dataclass(frozen=True, slots=True)
class Config:
    """A config file, read and checked by itself; `folder` is what its relative paths start from.

    `differences` are what CloudQuery's command line would do otherwise with the same file.
    """

    path: Path
    sources: tuple[SourceSpec, ...]
    destinations: tuple[DestinationSpec, ...]
    catalogs: tuple[CatalogSpec, ...] = ()
    transformers: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def folder(self) -> Path:
        """The config file's folder."""
        return self.path.parent

    def destination(self, name: str) -> DestinationSpec:
        """The destination of that name; `load_config` has checked that it is there."""
        return next(destination for destination in self.destinations if destination.name == name)

    def warehouse_of(self, source: SourceSpec) -> DestinationSpec:
        """The destination that a source lands in."""
        return next(each for each in map(self.destination, source.destinations) if each.is_warehouse)


def config_path(given: str | Path | None = None) -> Path:
    """The config file: as given, else HEADWATER_CONFIG, else config.yaml here."""
    return Path(given or os.environ.get("HEADWATER_CONFIG") or DEFAULT_PATH).expanduser().absolute()


def load_config(given: str | Path | None = None, *, unset: list[str] | None = None) -> Config:
    """Read and check the config file, or all of a folder's. Raises: ConfigError.

    With a list for what is `unset`, the file is only to be looked at: fields that need a value which is not there are
    left out where they must be more than a text, and documents are not compared with each other.
    """
    path = config_path(given)
    folder = path if path.is_dir() else path.parent
    sources: list[SourceSpec] = []
    destinations: list[DestinationSpec] = []
    catalogs: list[CatalogSpec] = []
    transformers: list[str] = []
    differences: list[Difference] = []
    for document in read_documents(path, KINDS):
        reader, where = Reader(document.where), document.where
        spec = _filled(document, folder, unset)
        is_known = not unset
        if document.kind == "source":
            sources.append(_checked(SourceSpec, reader.source(spec), where, is_known=is_known))
        elif document.kind == "destination":
            destinations.append(_destination(reader.destination(spec), where, is_known=is_known))
        elif document.kind == "catalog":
            catalogs.append(_checked(CatalogSpec, spec, where, is_known=is_known))
        else:
            transformers.append(_checked(TransformerSpec, spec, where, is_known=is_known).name)
        differences += reader.differences
    landed = _landing(sources, destinations, differences)
    at = path / DEFAULT_PATH if path.is_dir() else path
    config = Config(at, tuple(landed), tuple(destinations), tuple(catalogs), tuple(transformers), tuple(differences))
    if not unset:
        _check_versions(sources)
        _cross_check(config)
    return config


def _filled(document: Document, folder: Path, unset: list[str] | None) -> dict[str, Any]:
    """A document's spec with what its placeholders stand for: flags, lists and mappings as such, a plugin's as YAML.

    Raises: ConfigError.
    """
    try:
        spec = {substitute(key, folder, key, unset=unset): value for key, value in document.spec.items()}
        registry = substitute(spec.get("registry"), folder, "registry", unset=unset)
        return {field: _field(field, value, registry in REGISTRIES, folder, unset) for field, value in spec.items()}
    except ConfigError as error:
        raise ConfigError(f"{document.where}: {error.what}", hint=error.hint) from None


def _field(field: str, value: Any, is_plugin: bool, folder: Path, unset: list[str] | None) -> Any:
    """A field's value; where it is to be more than a text, and no more is known of it, as if nothing was said."""
    is_whole = isinstance(value, str) and field in (*FLAGS, *LISTS, *MAPPINGS)
    typed = is_whole or (is_plugin and field == "spec")
    filled = substitute(value, folder, field, typed=typed, unset=unset)
    if unset and is_whole and PLACEHOLDER.search(str(filled)):
        return [] if field == "destinations" else None
    return filled


def _landing(
    sources: Sequence[SourceSpec], destinations: list[DestinationSpec], differences: list[Difference]
) -> Iterator[SourceSpec]:
    """The sources, each with a warehouse to land in: of the file, or one that goes without saying."""
    named = {destination.name: destination for destination in destinations}
    for source in sources:
        known = [named[name] for name in source.destinations if name in named]
        if len(known) < len(source.destinations) or any(each.is_warehouse for each in known):
            yield source
            continue
        warehouse = next((each for each in destinations if each.is_warehouse), None)
        if warehouse is None:
            name = WAREHOUSE_NAME if WAREHOUSE_NAME not in named else f"{WAREHOUSE_NAME}_of_headwater"
            warehouse = _destination({"name": name}, "the warehouse")
            destinations.append(warehouse)
        differences.append(
            Difference(
                f"source {source.name}",
                "destinations",
                f"it lands in {warehouse.spec.path} (DuckDB), and is delivered from there",
            )
        )
        yield source.model_copy(update={"destinations": [warehouse.name, *source.destinations]})


def _destination(values: Any, where: str, *, is_known: bool = True) -> DestinationSpec:
    """A destination with its spec as the model of its own."""
    made: DestinationSpec = _checked(DestinationSpec, values, where, is_known=is_known)
    model = DuckDBSpec if made.is_warehouse else spec_of(made.path) if made.registry == "python" else plugin_spec()
    return made.model_copy(update={"spec": _checked(model, made.spec, f"{where}, spec", is_known=is_known)})


def validated(model: type[BaseModel], values: Any, where: str) -> Any:
    """The model made from the values. Raises: ConfigError that names every wrong key."""
    return _checked(model, values, where)


def _checked(model: type[Any], values: Any, where: str, *, is_known: bool = True) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
        unset = [] if is_known else [field for field in wrong if PLACEHOLDER.search(str(values.get(field)))]
        if unset:
            return _checked(model, {field: value for field, value in values.items() if field not in unset}, where)
        what, hint = in_one(problems_of(error, model))
        raise ConfigError(redact(f"{where}: {what}"), hint=hint) from None


def _cross_check(config: Config) -> None:
    for what, names in (
        ("source", [slug(source.name) for source in config.sources]),
        ("destination", [slug(destination.name) for destination in config.destinations]),
        ("catalog", [catalog.name for catalog in config.catalogs]),
        ("transformer", list(config.transformers)),
    ):
        if repeated := first_repeated(names):
            raise ConfigError(
                f"two {what}s are called `{repeated}`", hint="give one of them another name, not only in case and signs"
            )
    for destination in config.destinations:
        for name in destination.transformers:
            if name not in config.transformers:
                raise ConfigError(
                    f"destination `{destination.name}` names the transformer `{name}`, which is not defined",
                    hint=nearest(name, config.transformers),
                )
    known = [destination.name for destination in config.destinations]
    for source in config.sources:
        for name in source.destinations:
            if name not in known:
                raise ConfigError(
                    f"source `{source.name}` names the destination `{name}`, which is not defined",
                    hint=nearest(name, known),
                )
        backend = source.backend_options and BACKEND.fullmatch(source.backend_options.connection)
        if backend and slug(backend[1]) not in map(slug, known):
            raise ConfigError(
                f"source `{source.name}` keeps its state in `{backend[1]}`, which is not defined",
                hint=nearest(backend[1], known),
            )
        _check_warehouse(config, source)


def _check_versions(sources: Sequence[SourceSpec]) -> None:
    """See that no plugin of the Hub writes to one destination at two versions, which CloudQuery refuses."""
    versions: dict[tuple[str, str], str] = {}
    for source in sources:
        for name in source.destinations if source.registry in HUB else ():
            if versions.setdefault((name, source.path), source.version) != source.version:
                raise ConfigError(
                    f"the destination `{name}` is used by `{source.path}` at several versions", hint="use one of them"
                )


def _check_warehouse(config: Config, source: SourceSpec) -> None:
    """See that a source lands in one warehouse, and is delivered once to each other destination."""
    if repeated := first_repeated(source.destinations):
        raise ConfigError(f"source `{source.name}` names the destination `{repeated}` twice")
    warehouses = [name for name in source.destinations if config.destination(name).is_warehouse]
    if len(warehouses) != 1:
        what = f"{len(warehouses)} warehouses ({', '.join(warehouses)})" if warehouses else "no warehouse"
        raise ConfigError(
            f"source `{source.name}` has {what} among its destinations",
            hint=f"name one destination with `path: {WAREHOUSE}`: the others are delivered to from there",
        )
