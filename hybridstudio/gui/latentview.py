"""What a view of a latent space holds: its settings with undo and redo, its command line, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from hybridstudio.errors import StudioError
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.latentpage import LatentPage
from hybridstudio.gui.latentstate import How, how_told
from hybridstudio.gui.sheetexport import SHEET, SheetExport
from hybridstudio.gui.undoing import History
from hybridstudio.messages import Notice
from hybridstudio.runs import Run

COPIES = "Copy the command line that draws the same"


class LatentView(LatentPage):
    """A page whose `history` holds one frozen thing that is set, and how it is drawn.

    `EXPORTS` are the kinds of files that it writes.
    """

    EXPORTS: tuple[str, ...] = SHEET

    history: History[tuple[Any, How]]

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form.changed.connect(self.with_how)
        self.mix.changed.connect(lambda mix, field: self.with_how(
            replace(self.how, mix=mix), field))
        for key, slot in ((QKeySequence.StandardKey.Undo, self.undo),
                          (QKeySequence.StandardKey.Redo, self.redo)):
            QShortcut(QKeySequence(key), self, slot,
                      context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.copy = flat("copy", COPIES, self.copy_command)
        self.export = SheetExport(self._material, self.EXPORTS)
        self.export.failed.connect(self.show_error)
        self.export.written.connect(self.on_written)
        for button in (self.copy, self.export):
            self.add_to_header(button)

    # --- what a view fills in ---------------------------------------------------------------------

    def _show(self) -> None:
        """Show what is set in all widgets, without telling."""

    def command(self, run: Run) -> str:
        """Return the command line that draws the same."""
        return ""

    def read(self, settings: dict[str, Any], run: Run) -> Any:
        """Return what was set, by a picture's file; raises UsageError for a point not kept."""
        return self.history.state[0]

    def _material(self) -> dict[str, Any]:
        """Return what `SheetExport` writes."""
        return {}

    # --- changes ----------------------------------------------------------------------------------

    def _take(self, thing: Any, field: str = "") -> None:
        """Set another thing, and draw it; changes of one field in a row undo together."""
        if self.history.take((thing, self.how), field):
            self._show()
            self.refresh()

    def with_how(self, how: How, field: str) -> None:
        """Draw in another way; a space of its own begins anew."""
        run, is_other_space = self.run_shown, how.space != self.how.space
        if not is_other_space:
            self.history.take((self.history.state[0], how), field)
        self.how = how
        if run is not None:
            if is_other_space and (space := self.space) is not None:
                self.begin(run, space)
                self.show_points()
            self.refresh()
        self._show()

    def undo(self) -> None:
        """Go back one change."""
        if self.history.undo():
            self._went()

    def redo(self) -> None:
        """Take back the last undo."""
        if self.history.redo():
            self._went()

    def _went(self) -> None:
        self.how = self.history.state[1]
        self._show()
        self.refresh()

    # --- the command line and files ---------------------------------------------------------------

    def show_copy(self, untold: str) -> None:
        """Offer the command line, or say what it cannot tell."""
        self.copy.setEnabled(self.is_ready and not untold)
        self.copy.setToolTip(f"No command line draws this: {untold}" if untold else COPIES)

    def copy_command(self) -> None:
        """Put the command line that draws the same on the clipboard."""
        if self.run_shown is not None:
            QGuiApplication.clipboard().setText(self.command(self.run_shown))
            self.readout.setText("Command copied")

    def restore(self, settings: dict[str, Any]) -> None:
        """Take the settings of a picture's file for the run that is shown, all of them or none."""
        run = self.run_shown
        if run is None:
            return
        try:
            how, thing = how_told(settings, run), self.read(settings, run)
        except StudioError as error:
            self.show_error(error)
            return
        if how.space != self.how.space:
            self.with_how(how, "")
        self.how = how
        self.history.take((thing, how))
        self._show()
        self.refresh()

    def on_written(self, path: Path) -> None:
        """Tell that a file was written, and offer its folder."""
        self.notice.tell(Notice(f"Saved {path.name}", f"in {path.parent}"), (
            "Open folder", lambda: QDesktopServices.openUrl(
                QUrl.fromLocalFile(str(path.parent)))))
