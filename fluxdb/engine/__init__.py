"""The engine: actors over an open database, behind one handle.

Read it in this order: ``handle`` (the methods that every engine offers), ``local/engine`` (the engine in this process:
what it starts, and how it ends), ``local/writer`` and ``local/mailbox`` (a write from a thread and from an event loop
to the committer), ``local/reader``, ``feed`` and ``local/notifier`` (from a commit to its watchers),
``local/maintenance``.

An actor owns some state and has one loop that processes whatever has arrived. The write path's loop is compiled: the
committer takes the writes from its filling group.
"""
