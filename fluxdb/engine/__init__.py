"""The engine: actors over an open database, behind one handle.

Reading it in this order tells the story: ``handle`` (what every engine offers), ``runtime`` (the engine in this
process: who is started, and how it ends), ``write_actor`` and ``mailbox`` (a write on its way to the committer, from
a thread and from an event loop), ``read_actor``, ``feed`` and ``notify_actor`` (from a commit to whoever watches),
``snapshot_actor``.

An actor owns some state and has one loop that drains whatever has come. The write path's loop is compiled: the
committer's filling group is the write actor's mailbox.
"""
