"""`python -m orchestration.cli`: the same as `headwater`."""

from orchestration.cli.app import main

main()
