"""What each bound of ``fluxdb-server`` means: the words of --help, by the names of the settings."""

from __future__ import annotations

WORDS: dict[str, str] = {
    # Of the database.
    "key_bytes_max": "The longest key, in UTF-8.",
    "value_bytes_max": "The longest value, as compact JSON.",
    "depth_max": "Arrays and objects within each other.",
    "group_bytes_max": "Writes that are synced together.",
    "segment_bytes": "One file of the log; the first ones are smaller.",
    "checkpoint_log_bytes": "A checkpoint is due after so much log; 0: never.",
    "checkpoint_interval_seconds": "And after so long, if anything was written; 0: never.",
    "tombstones_max": "Deleted keys that are remembered one by one.",
    "subscriber_events_max": "Events that wait for one subscriber; behind them it is evicted.",
    "subscriber_bytes_max": "The same in bytes, whichever comes first.",
    "queued_event_bytes_max": "Events that wait for all subscribers, in memory; beyond it the longest queues go.",
    "event_bytes_max": "Events not yet handed to the subscribers.",
    "database_subscriptions_max": "Keys that all clients together may watch.",
    # Of the server.
    "connections_max": "Connections at once.",
    "subscriptions_max": "Keys that one connection may watch.",
    "client_event_bytes_max": "Events that wait for one connection, of all keys that it watches.",
    "line_bytes_max": "One request.",
    "auth_line_bytes_max": "One request before the password.",
    "input_bytes_max": "Requests that are not whole yet, of all clients together.",
    "output_bytes_max": "Replies that one client has not read yet.",
    "unread_bytes_max": "Replies and events not read yet, of all clients together.",
    "send_buffer_bytes": "Of what goes to one client, so much waits in the system.",
    "first_line_seconds": "Until the first request, and the password; 0: for ever.",
    "idle_seconds": "Without a request, where nothing is watched; 0: for ever.",
    "drain_seconds": "For what is on its way when the server stops.",
    "sync_stalled_seconds": "A sync of the log that takes longer makes /healthz answer 503; 0: none does.",
    "certificate_warning_days": "Warn each day, so many days before the certificate expires; 0: once it has expired.",
    # Of the live page's server.
    "web_connections_max": "The page's server: connections at once.",
    "web_subscriptions_max": "Keys that one page may watch.",
    "web_client_event_bytes_max": "Events that wait for one page, of all keys that it watches.",
    "web_message_bytes_max": "One message of a page.",
    "web_messages_waiting_max": "Messages of one page that wait.",
    "web_output_bytes_max": "What one page has not been sent yet.",
    "web_send_buffer_bytes": "Of what goes to one page, so much waits in the system.",
    "web_handshake_seconds_max": "Until a page is connected.",
    "web_auth_seconds_max": "Until a page has told the password.",
    "web_auth_failures_max": "Wrong passwords; then the connection is closed.",
    "web_ping_interval_seconds": "Between two looks whether a page is still there.",
    "web_ping_timeout_seconds": "Until a page that does not answer is given up.",
    "web_close_seconds_max": "Until a page that does not say goodbye is cut off.",
}
