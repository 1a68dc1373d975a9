"""Let a drawing go other ways from any of its steps, and look at the tree of what becomes of it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import commands, pictures, runs
from hybridstudio.errors import StudioError, translate
from hybridstudio.frames import pictures_in
from hybridstudio.gui import branchtree, drawwords
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.branchbar import BranchBar
from hybridstudio.gui.branchform import BranchForm
from hybridstudio.gui.branchtree import Frames, Line, Tree
from hybridstudio.gui.branchview import TreeView, scrolling
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.card import Card
from hybridstudio.gui.drawing import DrawSettings, classes
from hybridstudio.gui.sidebyside import SideBySide
from hybridstudio.gui.timeline import Timeline
from hybridstudio.gui.undoing import History
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Draw, Event, Frame, Images, Notice, Started
from hybridstudio.runs import Run


class BranchesPanel(Panel):
    """Draws a line, and from any step of it others; what was drawn once is only looked up."""

    TITLE = VIEW = "Branches"
    SAYS = "Go another way from any step of a drawing."
    HELP = (
        "<p>Draw a line, click a step of it, change what comes after, and press <b>Branch "
        "here</b>: both lines share everything up to that step.</p>"
        "<p>The earlier they part the more they differ: the outline of a picture is decided while "
        "it is mostly noise.</p>"
        "<p>Arrow keys walk along lines, Delete takes one away, Ctrl+Z brings it back. Ctrl+click "
        "chooses the line to compare with. Space plays all at once.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._root = DrawSettings()  # that the tree was drawn with
        self._frames = Frames()
        self._history: History[Tree] = History(Tree())
        self._asked: Draw | None = None
        self._drawing: int | None = None  # the line that is being drawn
        self._next = 1
        self._line, self._step, self._other = 0, 0, 0
        self._place: float | None = None  # t that all are scrubbed to; None: each at its end
        self.form, self.bar = BranchForm(), BranchBar()
        self.timeline, self.pair = Timeline(), SideBySide()
        self.view, self.notice = TreeView(), Card()
        self.notice.hide()
        self.view.words = self._words
        self._lay_out()
        self._connect()
        self._show_state()

    # --- the parts --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.copy = flat("copy", "Copy the command line that draws the chosen line",
                         self.copy_command)
        self.export = flat("export", "Export the tree as PNG", self.ask_export)
        self.delete = flat("trash", "Take the chosen line away (Del)", self.remove)
        self.undo_button = flat("undo", "Undo (Ctrl+Z)", self.undo)
        self.draw_button = QPushButton("Draw")
        self.draw_button.setToolTip("Draw the first line of a new tree (Ctrl+Return)")
        self.draw_button.setMinimumWidth(88)
        self.bar.add(self.delete)
        self.bar.add(self.undo_button)
        for button in (self.copy, self.export, self.draw_button):
            self.add_to_header(button)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(scrolling(self.view))
        parts.addWidget(self.pair)
        parts.setSizes([380, 180])
        parts.setStretchFactor(0, 1)
        parts.setChildrenCollapsible(False)
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self.bar)
        column.addWidget(parts, 1)
        self.set_canvas(canvas)
        self.set_transport(self.timeline)
        self.set_inspector(self.form)

    def _connect(self) -> None:
        self.view.picked.connect(self.pick)
        self.view.compared.connect(self.compare)
        self.view.walked.connect(lambda by: self.pick(self._line, self._step + by))
        self.view.removed.connect(self.remove)
        self.view.pointed.connect(self.timeline.pointed.setText)
        self.timeline.moved.connect(self._scrub)
        self.form.asked.connect(self.branch)
        self.pair.selected.connect(self.bar.which.setCurrentIndex)
        self.bar.changed.connect(self.view.show_picture)
        self.bar.changed.connect(self._show_pair)
        self.bar.compared.connect(self.compare)
        self.draw_button.clicked.connect(self._draw_or_stop)
        for key, slot in ((QKeySequence("Ctrl+Return"), self.draw),
                          (QKeySequence(QKeySequence.StandardKey.Undo), self.undo),
                          (QKeySequence(QKeySequence.StandardKey.Redo), self.redo)):
            QShortcut(key, self, slot, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    @property
    def tree(self) -> Tree:
        """The tree as it is now."""
        return self._history.state

    # --- the run ----------------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Offer a run; its tree stays while it is the same one."""
        before, self._run = self._run, None
        try:
            self._run = runs.read(path) if path is not None and path.exists() else None
        except StudioError as error:
            super().show_error(error)
        run = self._run
        if (before.path if before else None) != (run.path if run else None):
            self._clear()
            self.show_error(None)
            self.notice.hide()
            if run is not None:
                self.form.show_run(run)
        self._show_state()

    def _clear(self) -> None:
        if self._drawing is not None:
            self.requested.emit(Cancel())
        self._asked = self._drawing = self._place = None
        self._frames.clear()
        self._history.begin(Tree())
        self._line = self._step = self._other = 0
        self.timeline.set_steps(0)
        self.timeline.set_levels([])
        self._show_tree()

    def _can_draw(self) -> bool:
        run = self._run
        return run is not None and run.config.model.levels > 0 and bool(run.checkpoints)

    # --- asking -----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw the first line of a new tree."""
        if self._run is None or not self._can_draw():
            return
        self._clear()
        self._root, self._next = self.form.root.settings(), 1
        self._history.begin(Tree((Line(0),)))
        self._ask(0)

    def branch(self) -> None:
        """Draw on from the chosen step with what the form changes."""
        if (branch := self.form.branch()) is None or not self.form.button.isEnabled():
            return
        key, self._next = self._next, self._next + 1
        self._history.take(self.tree.grown(key, self._line, branch))
        self._line, self._other = key, self._line
        self._ask(key)

    def _ask(self, key: int) -> None:
        assert self._run is not None
        self._drawing, self._asked = key, self._request(key)
        self._frames.begin(key)
        self.show_error(None)
        self._show_tree()
        self._show_state()
        self.requested.emit(self._asked)

    def _request(self, key: int) -> Draw:
        assert self._run is not None
        return replace(self._root.request(self._run), branches=self.tree.ways(key))

    def _draw_or_stop(self) -> None:
        if self._drawing is None:
            return self.draw()
        self.requested.emit(Cancel())

    def copy_command(self) -> None:
        """Put the command line that draws the chosen line on the clipboard."""
        if self._run is not None:
            request = self._request(self._line) if self.tree.lines else (
                self.form.root.settings().request(self._run))
            QGuiApplication.clipboard().setText(commands.as_command(request))
            self.timeline.pointed.setText("Command copied")

    def ask_export(self) -> None:
        """Ask where the tree is to be written."""
        ask_file(self, "Export the tree", self.write, kinds=["PNG picture (*.png)"],
                 save_as="branches.png")

    def write(self, path: Path) -> None:
        """Write the tree as one picture."""
        told = {} if self._run is None else self._root.told(self._run) | {"run": self._run.name}
        try:
            pictures.write_png(path, self.view.picture(), told, overwrite=True)
        except (StudioError, OSError) as error:
            return super().show_error(translate(error))
        self.notice.tell(Notice(f"Saved {path.name}", f"in {path.parent}"))

    # --- events -----------------------------------------------------------------------------------

    def on_answer(self, request: object, event: Event) -> None:
        """Take what is told of the line that is being drawn, and of no older one."""
        if request is self._asked:
            self.on_event(event)

    def on_event(self, event: Event) -> None:
        """Take what drawing tells."""
        key = self._drawing
        if key is None:
            return
        match event:
            case Started():
                self.notice.hide()
            case Frame():
                self._take(key, event)
            case Notice():
                self.notice.tell(event)
            case Done():
                self._ended(event.outcome == "finished")

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error where the pictures would be; the line that failed goes."""
        super().show_error(error)
        if error is not None:
            self._ended(False)

    def _take(self, key: int, frame: Frame) -> None:
        line = self.tree.line(key) or Line(key)
        self._frames.add(line, frame)
        if key == 0:
            self.timeline.set_steps(frame.steps, frame.step)
            self.timeline.add_level(frame)
            if frame.step == 0:
                self.bar.offer_pictures(len(frame.x_t))
        if frame.step >= line.at:
            self._step = line.at
            self.view.show_tree(self.tree, self._frames)
            if self._place is None and not self.timeline.is_playing():
                self.timeline.show_step(self.timeline.slider.maximum() if key else frame.step)
            self._show_pair()

    def _ended(self, is_finished: bool) -> None:
        key, self._drawing = self._drawing, None
        if key is not None and not is_finished:
            self._history.begin(self.tree.without(key))
            self._line = self._other = self._step = 0
        self.pick(self._line, self._step)
        self._show_state()

    # --- choosing ---------------------------------------------------------------------------------

    def pick(self, key: int, step: int) -> None:
        """Choose a line and the step of it that a branch would leave at."""
        while (line := self.tree.line(key)) is not None and line.parent is not None \
                and step < line.at:
            key = line.parent  # the steps before are its parent's
        frames = self._frames.all(self.tree, key)
        if not frames:
            return self._show_tree()
        self._line, self._step = key, max(0, min(step, frames[-1].steps - 1))
        if self._other == key:  # with what it left, or with what left it last
            last = self.tree.lines[-1].key
            self._other = line.parent if line is not None and line.parent is not None else last
        frame = frames[min(self._step, len(frames) - 1)]
        ways = self.tree.ways(key)
        before = branchtree.settings_of([way for way in ways if way.at <= self._step], self._root)
        left = max(1, frames[-1].nfe - frame.nfe + 1)
        self.form.show_step(self._step, frame.t, replace(before, nfe=left))
        self._show_tree()
        self._show_state()

    def compare(self, key: int) -> None:
        """Compare the chosen line with another."""
        self._other = key
        self._show_tree()

    def remove(self) -> None:
        """Take the chosen line away, with those that leave it."""
        line = self.tree.line(self._line)
        if line is not None and line.parent is not None and self._drawing is None:
            self._history.take(self.tree.without(self._line))
            self._other = 0
            self.pick(line.parent, line.at)

    def undo(self) -> None:
        """Go back to the tree before."""
        self._went(self._drawing is None and self._history.undo())

    def redo(self) -> None:
        """Take the last undo back."""
        self._went(self._drawing is None and self._history.redo())

    def _went(self, is_other: bool) -> None:
        if not is_other:
            return
        keys = [line.key for line in self.tree.lines]
        self._other = self._other if self._other in keys else 0
        self.pick(self._line if self._line in keys else keys[-1], self._step)

    def _scrub(self, step: int) -> None:
        root = self._frames.own(0)
        if root:
            at_end = step >= root[-1].steps
            self._place = None if at_end else root[min(step, len(root) - 1)].t
            self.view.scrub(self._place)
            self._show_pair()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Branch, walk and play with the keys that no field takes."""
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.branch()
        elif key == Qt.Key.Key_Space:
            self.timeline.toggle()
        else:
            super().keyPressEvent(event)

    # --- showing ----------------------------------------------------------------------------------

    def _show_tree(self) -> None:
        self.view.show_tree(self.tree, self._frames)
        self.view.select(self._line, self._step, self._other)
        self.bar.offer_lines([(self._words(line), line.key) for line in self.tree.lines
                              if line.key != self._line], self._other)
        self._show_pair()

    def _show_pair(self) -> None:
        """Show the chosen line and the other at the level that is scrubbed to."""
        found: list[Images | None] = []
        words: list[str] = []
        keys = (self._line, self._other) if self._other != self._line else (self._line,)
        for letter, key in zip("AB", keys, strict=False):
            frame = self._frame_of(key)
            found.append(None if frame is None else pictures_in(
                frame, self.bar.row))
            line = self.tree.line(key)
            words.append("" if line is None or frame is None else
                         f"{letter} · {self._words(line)} · t = {round(frame.t):,}")
        found, words = [*found, None], [*words, ""]
        self.pair.show_pair(found[0], found[1], (words[0], words[1]))
        self._show_readout()

    def _frame_of(self, key: int) -> Frame | None:
        """Return a line's frame at the level that is scrubbed to."""
        frames = self._frames.all(self.tree, key)
        if not frames or self._place is None:
            return frames[-1] if frames else None
        return branchtree.like(frames, self._place)

    def _show_readout(self) -> None:
        frame = self._frame_of(self._line)
        levels = self._run.config.model.levels if self._run is not None else 0
        self.timeline.readout.setText(
            " " if frame is None else drawwords.readout(frame, levels, None))

    def _words(self, line: Line) -> str:
        names = classes(self._run) if self._run is not None else ()
        if line.branch is not None:
            return branchtree.told(line.branch, names)
        return branchtree.told_root(self._root, names)

    def _show_state(self) -> None:
        has_tree, is_drawing = bool(self._frames.own(0)), self._drawing is not None
        for part in (self.bar, self.pair, self._transport):
            part.setVisible(has_tree)
        self.draw_button.setText("Stop" if is_drawing else "Draw")
        self.draw_button.setEnabled(self._can_draw())
        self.form.setEnabled(self._can_draw())
        self.form.offer(has_tree and not is_drawing)
        self.copy.setEnabled(self._run is not None)
        self.export.setEnabled(has_tree)
        self.delete.setEnabled(self._line != 0 and not is_drawing)
        self.undo_button.setEnabled(self._history.can_undo and not is_drawing)
        self.view.empty = branchtree.why_empty(self._run, is_drawing, self._can_draw())
        self.view.update()


if __name__ == "__main__":
    sys.exit(alone(BranchesPanel))
