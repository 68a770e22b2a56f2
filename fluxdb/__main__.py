"""``python -m fluxdb``: the program ``fluxdb``, wherever it was installed."""

from fluxdb.cli.fluxdb.main import main

main(prog_name="fluxdb")
