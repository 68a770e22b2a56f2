"""Storage: a folder with a log and snapshots, and the documents that they stand for.

The story in order: ``layout`` (what lies in the folder), ``lock`` (one owner), ``reader`` (what state the files stand
for; changes nothing), ``recovery`` (the table that tells a torn tail from damage), ``writer`` (taking over where the
log ends), ``database`` (all of it together). ``check``, ``repair``, ``dump`` and ``load`` are the offline tools.
"""
