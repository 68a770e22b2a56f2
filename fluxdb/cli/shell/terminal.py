"""The terminal: a line editor with history and completion; events are printed above the line being typed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import DummyHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.patch_stdout import patch_stdout

from fluxdb.cli import exits, render
from fluxdb.cli.output import Lines, colours_wanted
from fluxdb.cli.shell.completion import CommandCompleter
from fluxdb.cli.shell.events_in_turn import EventsInTurn, Printers
from fluxdb.cli.shell.grammar import GrammarError, is_unfinished, parse, split_statements
from fluxdb.cli.shell.history import FileHistory, history_path
from fluxdb.cli.shell.script import UNFINISHED_BATCH
from fluxdb.cli.shell.session import Session
from fluxdb.cli.text import one_line
from fluxdb.engine.handle import EngineHandle
from fluxdb.errors import FluxDBError

PROMPT = "fluxdb> "
CONTINUED = "   ...> "
MENU_ROWS = 6


def run_terminal(engine: EngineHandle, greeting: str) -> int:
    """Talk to the user until EXIT or Ctrl-D; return the exit code. Closes its subscriptions, not the engine."""
    answers = Lines(sys.stdout, sys.stderr)
    answers.line(greeting)
    history = _open_history(answers)
    # Answers, and the event of the user's own write, go straight to the terminal, since no line is being edited then.
    # Other events go through the editor, which prints them above its line.
    with patch_stdout(raw=True):
        above = Lines(sys.stdout, sys.stderr, colours=colours_wanted(answers.output))
        events = EventsInTurn(answers.event, answers.error, Printers(above.event, above.error))
        session = Session(engine, events, answers.line)
        try:
            _converse(_editor(session, history), session, answers)
        finally:
            session.close()
            if isinstance(history, FileHistory):
                history.close()
    return exits.OK


def _converse(editor: PromptSession[str], session: Session, answers: Lines) -> None:
    while True:
        try:
            text = editor.prompt(PROMPT)
        except KeyboardInterrupt:  # the line is abandoned, not the terminal
            continue
        except EOFError:
            break
        try:
            if not _run(text, session, answers):
                break
        except KeyboardInterrupt:
            answers.error(render.error("interrupted: a write in flight may have taken effect"))
    if session.batch:
        answers.error(render.error(UNFINISHED_BATCH))


def _run(text: str, session: Session, answers: Lines) -> bool:
    """Run typed or pasted text: one command or several, up to the first failure. False: it was EXIT."""
    try:
        for statement in split_statements(text):
            command = parse(statement)
            if command is not None and not session.run(command):
                return False
    except (GrammarError, FluxDBError) as error:
        answers.error(render.error(str(error)))
    return True


def _editor(session: Session, history: History) -> PromptSession[str]:
    return PromptSession(
        history=history,
        completer=CommandCompleter(session.recent_keys, session.stored_keys),
        complete_in_thread=True,  # a database that does not answer must not hold up typing
        complete_while_typing=False,
        reserve_space_for_menu=MENU_ROWS,
        key_bindings=_key_bindings(),
        prompt_continuation=_continuation,
        color_depth=None if colours_wanted(sys.__stdout__ or sys.stdout) else ColorDepth.DEPTH_1_BIT,
    )


def _continuation(width: int, line_number: int, wrap_count: int) -> str:
    """Return the prompt of a continuation line; empty if the window was too narrow, so that the text can be copied."""
    return "" if wrap_count else CONTINUED


def _key_bindings() -> KeyBindings:
    bindings = KeyBindings()

    def next_line(event: KeyPressEvent) -> None:
        """Continue on the next line, for long JSON. Enter does the same while the JSON is incomplete."""
        event.current_buffer.insert_text("\n")

    bindings.add("escape", "enter")(next_line)
    bindings.add("enter", filter=Condition(_goes_on))(next_line)

    return bindings


def _goes_on() -> bool:
    """Tell whether the cursor is at the end of a command whose JSON is incomplete."""
    document = get_app().current_buffer.document
    return document.is_cursor_at_the_end and is_unfinished(document.text)


def _open_history(answers: Lines) -> History:
    path: Path | None = None
    try:
        path = history_path()
        return DummyHistory() if path is None else FileHistory(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: no home directory
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        answers.note(one_line(f"note: the history is not kept: {path or '~'}: {reason}"))
        return InMemoryHistory()
