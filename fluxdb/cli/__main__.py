"""``python -m fluxdb.cli``."""

from fluxdb.cli.main import main

main(prog_name="fluxdb")
