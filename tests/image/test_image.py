"""What the image does by its command, each really run: it serves, it syncs, it is Dagster's code server."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from pytest_httpserver import HTTPServer

from integrations.sdk.cloudquery.processes import FLAGS, free_port
from orchestration.cli.app import run
from tests.image.building import ROOT, Container, base, buildah, container, environment
from tests.integrations.typeform.server import TypeformServer
from tests.packaging.guide import block, write_integration

pytestmark = pytest.mark.timeout(3600)
FORMS, RESPONSES = 3, 5
STARTS_WITHIN_S = 120


@pytest.fixture
def spec() -> Iterator[dict[str, str]]:
    """How to reach a Typeform account on this machine, whose network is the container's."""
    account = TypeformServer("tfp_of-the-image")
    for number in range(FORMS):
        account.add(number, responses=RESPONSES)
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        server.expect_request(re.compile("/")).respond_with_handler(account.answer)
        yield {"access_token": account.token, "base_url": server.url_for("/")}
        server.check()


def healthy(contained: Container, pid: int) -> str:
    """What the image's health check says of a process once it answers."""
    give_up = time.monotonic() + STARTS_WITHIN_S
    while (checked := contained.run(*contained.health_command, "--pid", str(pid))).returncode:
        assert time.monotonic() < give_up, checked.stderr
        time.sleep(0.5)
    return checked.stdout


def test_nobody_in_it_is_root(contained: Container) -> None:
    """Commands run as a user without rights, in a folder that is theirs."""
    said = contained.run("sh", "-c", "id -u; touch data/mine && rm data/mine && echo writable; touch /app/mine")
    assert said.stdout.split() == ["10001", "writable"]
    assert "Permission denied" in said.stderr


def test_commands_are_headwaters(contained: Container) -> None:
    """The first word is a command of headwater; without any it syncs; what begins with `dagster` is Dagster's."""
    said = contained.run(*contained.command("--help"))
    assert said.returncode == 0
    assert all(command in said.stdout for command in ("sync", "serve", "package"))
    assert contained.command() == ["entrypoint", "sync"]
    assert contained.run(*contained.command("dagster", "--version")).stdout.startswith("dagster, version 1.")
    assert contained.run(*contained.command("nonsense")).returncode == 2


def test_its_packages_are_the_locked_ones(contained: Container) -> None:
    """Each package has the version of requirements-image.lock; nothing of how they were fetched is left in it."""
    lock = (ROOT / "requirements-image.lock").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^ ;\\]+)", lock, re.MULTILINE))
    listed = json.loads(contained.run("/opt/headwater/bin/pip", "list", "--format", "json").stdout)
    found = {re.sub(r"[-_.]+", "-", each["name"]).lower(): each["version"] for each in listed}
    assert found.keys() - pins.keys() == {"headwater", "pip"}
    assert {name: version for name, version in found.items() if pins.get(name, version) != version} == {}
    left = contained.run("sh", "-c", "cat /etc/pip.conf /run/pip-certificates.crt 2>/dev/null")
    assert left.stdout == ""


def test_it_serves_a_plugin(contained: Container, spec: dict[str, str], tmp_path: Path) -> None:
    """As `registry: docker` starts it: a client reads tables and rows, the health check agrees, SIGTERM ends it."""
    import grpc
    import pyarrow as pa
    from cloudquery.plugin_v3 import plugin_pb2 as pb
    from cloudquery.plugin_v3 import plugin_pb2_grpc

    address, log = f"127.0.0.1:{free_port()}", tmp_path / "log"
    command = contained.command("serve", "--network", "tcp", "--address", address, *FLAGS)
    with contained.running(*command, log=log) as pid:
        assert healthy(contained, pid) == f"plugin at {address}: protocol 3\n"
        with grpc.insecure_channel(address) as channel:
            plugin: Any = plugin_pb2_grpc.PluginStub(channel)
            assert plugin.GetName(pb.GetName.Request()).name == "typeform"
            plugin.Init(pb.Init.Request(spec=json.dumps(spec).encode()))
            messages = list(plugin.Sync(pb.Sync.Request(tables=["*"], withErrorMessages=True)))
    kinds = [each.WhichOneof("message") for each in messages]
    assert set(kinds) == {"migrate_table", "insert"}
    tables = [pa.ipc.open_stream(each.insert.record).read_all() for each in messages if each.HasField("insert")]
    rows = dict.fromkeys((b"typeform_forms", b"typeform_form_responses"), 0)
    for table in tables:
        rows[table.schema.metadata[b"cq:table_name"]] += table.num_rows
    assert list(rows.values()) == [FORMS, FORMS * RESPONSES]
    assert contained.run(*contained.health_command, "--pid", str(pid)).returncode == 1
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()[1:]]
    assert {line["level"] for line in lines} <= {"debug", "info", "warn", "error"}


def test_an_integration_of_ones_own_goes_on_top(image: str, tmp_path: Path) -> None:
    """The guide's Dockerfile: the image is the base, and serves what is copied to it."""
    import grpc
    from cloudquery.plugin_v3 import plugin_pb2 as pb
    from cloudquery.plugin_v3 import plugin_pb2_grpc

    write_integration(tmp_path)
    lines = block("dockerfile").splitlines()
    assert lines[0] == "FROM headwater"
    (tmp_path / "Dockerfile").write_text("\n".join([f"FROM {image}", *lines[1:]]), encoding="utf-8")
    buildah("bud", "--format", "docker", "--tag", f"{image}-acme", str(tmp_path))
    address = f"127.0.0.1:{free_port()}"
    command = ("entrypoint", "serve", "--address", address)
    with container(f"{image}-acme") as own, own.running(*command, log=tmp_path / "log") as pid:
        assert healthy(own, pid) == f"plugin at {address}: protocol 3\n"
        with grpc.insecure_channel(address) as channel:
            plugin: Any = plugin_pb2_grpc.PluginStub(channel)
            assert plugin.GetName(pb.GetName.Request()).name == "acme"


def test_it_syncs(contained: Container, spec: dict[str, str], tmp_path: Path) -> None:
    """Its own command syncs the config file that is mounted, into a warehouse that is mounted."""
    source = {
        "name": "typeform",
        "path": "integrations.typeform",
        "destinations": ["warehouse"],
        "spec": spec,
    }
    warehouse = {"name": "warehouse", "path": "duckdb", "spec": {"path": "warehouse.duckdb"}}
    documents = [{"kind": "source", "spec": source}, {"kind": "destination", "spec": warehouse}]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    tmp_path.chmod(0o777)
    options = ["--volume", f"{tmp_path}:/mine", "--env", "HEADWATER_CONFIG=/mine/config.yaml"]
    said = contained.run(*contained.command(), options=options)
    assert said.returncode == 0, said.stdout + said.stderr
    with duckdb.connect(tmp_path / "warehouse.duckdb", read_only=True) as connection:
        rows = [connection.table(f"typeform.{name}").shape[0] for name in ("typeform_forms", "typeform_form_responses")]
    assert rows == [FORMS, FORMS * RESPONSES]
    assert (tmp_path / "warehouse.duckdb").stat().st_uid == 10001


def test_it_is_dagsters_code_server(contained: Container, tmp_path: Path) -> None:
    """Dagster's own client reads the code location from it; the health check asks as Dagster's does."""
    from dagster._grpc.client import DagsterGrpcClient
    from dagster._grpc.types import ListRepositoriesResponse
    from dagster._serdes import deserialize_value

    port = free_port()
    command = contained.command(
        "dagster", "api", "grpc", "-m", "orchestration.definitions", "-h", "127.0.0.1", "-p", str(port)
    )
    with contained.running(*command, log=tmp_path / "log") as pid:
        assert healthy(contained, pid) == f"code server at 127.0.0.1:{port}: serving\n"
        client = DagsterGrpcClient(host="127.0.0.1", port=port)
        assert client.health_check_query() == "SERVING"
        found = deserialize_value(client.list_repositories(), ListRepositoriesResponse).repository_symbols
        assert [each.repository_name for each in found] == ["__repository__"]


def test_a_package_with_its_image(
    image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`headwater package --image` builds the same Dockerfile, and the tar holds the image that package.json names."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    command = ["package", "integrations.typeform", "v1.2.3", "--team", "acme", "--image", "linux/amd64"]
    assert run([*command, "--build-arg", f"BASE={base()}", "--out", str(tmp_path)]) == 0
    (target,) = json.loads((tmp_path / "package.json").read_text(encoding="utf-8"))["supported_targets"]
    tag = "docker.cloudquery.io/acme/source-typeform:v1.2.3-linux-amd64"
    assert target["path"] == "plugin-typeform-v1.2.3-linux-amd64.tar"
    assert target["docker_image_tag"] == tag
    digest = buildah("pull", "--quiet", f"docker-archive:{tmp_path / target['path']}")
    about = json.loads(buildah("inspect", "--type", "image", digest))["Docker"]["config"]
    assert "HEADWATER_SOURCE=integrations.typeform" in about["Env"]
    assert about["User"] == "headwater"
