"""For who cimported them from here: they live in load_poller.pxd."""

from fluxdb._core.load_poller cimport (
    FLUXDB_READABLE, FLUXDB_SEND_FLAGS, FLUXDB_WRITABLE, fluxdb_poller, fluxdb_poller_add, fluxdb_poller_close,
    fluxdb_poller_open, fluxdb_poller_wait, fluxdb_poller_want, fluxdb_ready,
)
