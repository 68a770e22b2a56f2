"""Storage: a folder with a log and snapshots, and the documents that they stand for.

Read in this order: ``layout`` (the files of a folder), ``lock`` (one owner), ``reader`` (the state that the files stand
for; changes nothing), ``recovery`` (the table that tells a torn tail from damage), ``writer`` (takes over where the log
ends), ``database`` (all of it together). ``check``, ``repair``, ``dump`` and ``load`` are the offline tools.
"""
