"""The real secodadk 0.0.6, in an environment of its own that is made once, and a process that answers for it."""

import importlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from integrations.sdk import secodadk as ours
from tests.environments import interpreter
from tests.secoda import worker

VERSION = "0.0.6"
BOTH_HAVE = f"pydantic=={pydantic.VERSION}"  # messages differ from version to version

Both = Callable[[dict[str, Any]], tuple[Any, Any]]


@pytest.fixture(scope="session")
def real_python(request: pytest.FixtureRequest) -> Path:
    """The interpreter of the environment that has the real package."""
    name = f"secodadk-{VERSION}-pydantic-{pydantic.VERSION}"
    return interpreter(request, name, [f"secodadk=={VERSION}", BOTH_HAVE])


@pytest.fixture(scope="session")
def real(real_python: Path) -> Iterator[Callable[[dict[str, Any]], Any]]:
    """Asks the real package."""
    process = subprocess.Popen(
        [str(real_python), "-W", "ignore", worker.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | {"NO_PROXY": "*"},
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(asked: dict[str, Any]) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, f"the worker died of {asked}"
        return json.loads(line)

    yield ask
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=30)


@pytest.fixture(scope="session")
def both(real: Callable[[dict[str, Any]], Any]) -> Both:
    """Asks both packages; the answers, the real one's first."""
    ours.install()
    package = importlib.import_module("secodadk")

    def ask(asked: dict[str, Any]) -> tuple[Any, Any]:
        return real(asked), json.loads(json.dumps(worker.answer(package, json.loads(json.dumps(asked)))))

    return ask


@pytest.fixture(scope="session")
def counted(request: pytest.FixtureRequest) -> Iterator[dict[str, int]]:
    """How many examples each differential test has compared, printed at the end with -s."""
    counts: dict[str, int] = {}
    yield counts
    if counts and request.config.getoption("capture") == "no":
        print("\ncompared:", counts)
