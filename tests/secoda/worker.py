"""Does with a `secodadk` what a JSON line asks, and answers with a JSON line: the same code for both packages.

Run by the isolated environment's interpreter it is about the real package; imported by a test, about ours.
Nothing but the standard library and `secodadk` is imported here.
"""

import json
import sys
import warnings
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any


def decoded(value: Any) -> Any:
    """A value that JSON has no word for, from `{"$": type, "v": text}`."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {key: decoded(item) for key, item in value.items()}
    kind, text = value["$"], value["v"]
    makers: dict[str, Any] = {
        "datetime": datetime.fromisoformat,
        "date": date.fromisoformat,
        "bytes": bytes.fromhex,
        "float": float,
        "decimal": Decimal,
        "seconds": lambda seconds: timedelta(seconds=float(seconds)),
        "tuple": lambda items: tuple(decoded(items)),
        "set": lambda items: set(decoded(items)),
        "now": lambda _: datetime.now(UTC),
    }
    return makers[kind](text)


def answer(package: Any, asked: dict[str, Any]) -> Any:
    """What the package does with one request."""
    return {"model": model, "edge": edge, "http": http, "names": names, "run": run, "wire": wire}[asked["do"]](
        package, asked
    )


def model(package: Any, asked: dict[str, Any]) -> Any:
    """A model's dump, or its validation errors."""
    return _validated(lambda: getattr(package, asked["model"])(**decoded(asked["kwargs"])))


def edge(package: Any, asked: dict[str, Any]) -> Any:
    """An edge whose ends are given as models or as dictionaries."""

    def end(given: Any) -> Any:
        value = decoded(given["value"])
        return getattr(package, given["model"])(**value) if given["model"] else value

    return _validated(
        lambda: package.DeclaredLineage(from_identifier=end(asked["from"]), to_identifier=end(asked["to"]))
    )


def _validated(make: Any) -> Any:
    from pydantic import ValidationError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = make()
        except ValidationError as error:
            return {
                "title": error.title,
                "errors": [
                    {"type": each["type"], "loc": list(each["loc"]), "msg": each["msg"]}
                    for each in error.errors(include_url=False, include_input=False, include_context=False)
                ],
            }
        return {
            "dump": made.model_dump(mode="json"),
            "json": made.model_dump_json(),
            "short": made.model_dump_json(exclude_none=True, by_alias=True),
            "set": sorted(made.model_fields_set),
        }


def http(package: Any, asked: dict[str, Any]) -> Any:
    """What an http_* method hands to its strategy, or the error's class."""
    seen: list[Any] = []

    class Strategy:
        def make_request(self, *positional: Any, **named: Any) -> Any:
            seen.append({"positional": list(positional), "named": {k: repr(v) for k, v in named.items()}})
            return "response"

        def finalize(self) -> None:
            seen.append("finalized")

    class Script(package.SecodaIntegration):  # type: ignore[misc]
        def extract(self) -> None:
            got = getattr(self, f"http_{asked['method']}")(*asked["args"], **decoded(asked["kwargs"]))
            seen.append(got)

    try:
        Script(credentials={}, network_call_strategy=Strategy()).start()
    except TypeError as error:
        seen.append(f"TypeError: {str(error).split('.')[-1]}")
    return seen


def names(package: Any, asked: dict[str, Any]) -> Any:
    """The public names of a module of the package."""
    import importlib

    module = importlib.import_module(asked["module"])
    found: dict[str, Any] = {}
    exec(f"from {asked['module']} import *", found)
    return {
        "star": sorted(name for name in found if not name.startswith("_")),
        "has": [name for name in asked.get("names", []) if hasattr(module, name)],
    }


def run(package: Any, asked: dict[str, Any]) -> Any:
    """What a whole script prints: declarations in order, by the default strategy; the order of the calls."""
    import io
    from contextlib import redirect_stdout

    class Script(package.SecodaIntegration):  # type: ignore[misc]
        def extract(self) -> str:
            for kind, given in asked["declare"]:
                if kind == "resource":
                    self.declare_resource(package.Resource(**decoded(given)))
                else:
                    self.declare_lineage(package.DeclaredLineage(**decoded(given)))
            return "ignored"

    printed = io.StringIO()
    with redirect_stdout(printed):
        returned = Script(credentials={"a": 1}).start()
    return {"printed": printed.getvalue(), "returned": returned}


def wire(package: Any, asked: dict[str, Any]) -> Any:
    """A request that is really sent, with the default strategy."""

    class Script(package.SecodaIntegration):  # type: ignore[misc]
        def extract(self) -> None:
            kwargs = decoded(asked["kwargs"])
            if asked.get("login"):
                import httpx

                kwargs["auth"] = httpx.BasicAuth(*asked["login"])
            self.got = getattr(self, f"http_{asked['method']}")(asked["url"], **kwargs)

    script = Script(credentials={})
    script.start()
    return {"status": script.got.status_code, "text": script.got.text}


def main() -> None:
    """Answer line by line."""
    warnings.simplefilter("ignore")
    import secodadk

    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(secodadk, json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
