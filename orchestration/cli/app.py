"""The `headwater` command: its commands by name, and what happens to their errors."""

import gc
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import typer

from integrations.sdk.errors import ConfigError, HeadwaterError
from integrations.sdk.redact import redact
from orchestration.cli import (
    backfill,
    dev,
    discover,
    inspecting,
    lineage,
    migrating,
    options,
    output,
    packaging,
    preview,
    publish,
    scaffold,
    serve,
    state,
    stopping,
    sync,
    usage,
)
from orchestration.logs import log_to_stderr, redact_all_logs

app = typer.Typer(
    name="headwater",
    context_settings={"max_content_width": 120},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.callback()(options.headwater)
app.command("sync")(sync.sync)
app.command("backfill")(backfill.backfill)
app.add_typer(state.app, name="state")
app.command("preview")(preview.preview)
app.command("publish")(publish.publish)
app.command("lineage")(lineage.lineage)
app.command("tables")(inspecting.tables)
app.command("validate")(inspecting.validate)
app.command("migrate-config")(migrating.migrate_config)
app.command("runs")(inspecting.runs)
app.command("test-connection")(discover.check_connection)
app.command("discover")(discover.discover)
app.command("serve")(serve.serve)
app.command("new")(scaffold.new)
app.command("check")(packaging.check)
app.command("package")(packaging.package)
app.command("dev")(dev.dev)


def main() -> NoReturn:
    """The entry point of the installed command."""
    gc.set_threshold(100_000, 20, 50)  # imports and records make many objects and few cycles: a tenth of the time
    stopping.end_at_once(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code: 0 done, 1 tables failed, 2 configuration, 3 login, 4 the source."""
    debug = "--debug" in arguments
    stopping.remember_signals()
    redact_all_logs()
    log_to_stderr(debug=debug)
    as_json = "--json" in arguments
    try:
        done = app(args=list(arguments), prog_name="headwater", standalone_mode=False)
    except SystemExit as ended:
        done = ended.code
    except usage.UsageError as error:
        if usage.is_call_for_help(error):
            sys.stderr.write(f"{error}\n")
            return ConfigError.exit_code
        return _failed(usage.mistake(error, arguments), as_json=as_json, debug=debug)
    except HeadwaterError as error:
        return _failed(error, as_json=as_json, debug=debug)
    except BrokenPipeError:  # who reads what is printed has had enough
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: a mistake of ours, or of an integration
        unexpected = HeadwaterError(f"{type(error).__name__}: {error}", hint="run it with --debug, and report it")
        return _failed(unexpected, as_json=as_json, debug=debug)
    except KeyboardInterrupt:
        done = stopping.INTERRUPTED
    if done == stopping.INTERRUPTED:
        return _stopped(as_json=as_json)
    return done if isinstance(done, int) else 0


def _failed(error: HeadwaterError, *, as_json: bool, debug: bool) -> int:
    """Say what is wrong, on stderr or as the one document; the exit code."""
    if debug:
        sys.stderr.write(redact(traceback.format_exc()))
    if as_json:
        output.print_json({"error": output.error_document(error)})
    else:
        output.print_error(error)
    return error.exit_code


def _stopped(*, as_json: bool) -> int:
    said = "stopped; what was committed stays"
    if as_json:
        output.print_json({"error": output.error_document(HeadwaterError(said))})
    else:
        output.errors().print(said)
    return stopping.exit_code()
