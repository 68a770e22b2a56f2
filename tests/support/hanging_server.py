"""``fluxdb-server`` under the shim, on a disk that hangs from when a file asks for it, for ever.

The test makes PATH/hang; this makes PATH/hung when a sync of the log waits.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from fluxdb.cli.server import run as serving
from fluxdb.cli.server.main import main
from tests.support.shim import Call, Shim


def hang(path: Path, shim: Shim) -> None:
    while not (path / "hang").exists():
        threading.Event().wait(0.02)
    rule = shim.hold(Call.SYNC, part="log-", times=1_000_000)
    (path / "hanging").touch()
    rule.wait(seconds=300)
    (path / "hung").touch()


if __name__ == "__main__":
    place = Path(os.environ["HANGING_PATH"])
    library = Shim()
    library.begin(str(place))
    serving.CLOSE_SECONDS = 1.0
    threading.Thread(target=hang, args=(place, library), daemon=True).start()
    sys.exit(main())
