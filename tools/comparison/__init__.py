"""FluxDB and its peers, side by side in one run: what ``tools/compare`` runs.

Reading the source: ``main.run`` goes through the figures of ``catalogue``; each is measured in turns
(``turns.alternate``) into a ``figure.Measurement``; ``report`` prints the table.
The other sides are in ``bare``, ``sqlite`` and ``redis``.
"""
