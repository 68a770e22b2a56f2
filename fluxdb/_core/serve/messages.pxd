"""The JSON forms of an error and an event, everywhere: over TCP, on the live page, by a command."""

# '"code":...,"message":...' and what else the error holds, in UTF-8. An error that is not ours tells its type only.
cpdef bytes error_members(object problem)
# The same of an error that is no exception.
cpdef bytes error_text(str code, str message)
# '"key":...,"old":...,"new":...' and so on, of a RawEvent.
cpdef bytes event_members(tuple event)
