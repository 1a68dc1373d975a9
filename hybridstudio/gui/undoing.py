"""Undo and redo of frozen states: changes of one field in a row undo together."""

from __future__ import annotations

from typing import Generic, TypeVar

State = TypeVar("State")
MOST = 200


class History(Generic[State]):
    """Where a state came from and where it may go back to."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._undo: list[State] = []
        self._redo: list[State] = []
        self._field = ""

    def take(self, state: State, field: str = "") -> bool:
        """Make a state the present one; returns whether it differs from the one before."""
        if state == self.state:
            return False
        if not (field and field == self._field and self._undo):
            self._undo = [*self._undo[-MOST:], self.state]
        self._redo, self._field, self.state = [], field, state
        return True

    def begin(self, state: State) -> None:
        """Begin anew: nothing can be undone."""
        self.state, self._undo, self._redo, self._field = state, [], [], ""

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to go back on."""
        return bool(self._undo)

    def undo(self) -> bool:
        """Go back one change; returns whether there was one."""
        return self._go(self._undo, self._redo)

    def redo(self) -> bool:
        """Take back the last undo; returns whether there was one."""
        return self._go(self._redo, self._undo)

    def _go(self, away: list[State], to: list[State]) -> bool:
        if not away:
            return False
        to.append(self.state)
        self._field, self.state = "", away.pop()
        return True
