"""A plot of one group of a run's curves, with a choice of the group."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QComboBox, QWidget

from hybridstudio.gui.curvegroups import HELD_OUT, SCORE, Group, grouped, label_of
from hybridstudio.gui.plots import CurvePlot
from hybridstudio.runs import Series


class GroupPlot(CurvePlot):
    """Shows the group at `place` among those of a run until a user chooses another."""

    def __init__(self, place: int, empty: str = "", *, after: int = 0,
                 parent: QWidget | None = None) -> None:
        self._place = place
        self._allows_log = True
        self._groups: dict[str, Group] = {}
        self._series: Mapping[str, Series] = {}
        self._group = Group("")
        self._picked = ""  # the title that a user chose
        self.choice = QComboBox()
        super().__init__("", empty, log=True, parent=parent, after=after)
        self.choice.setAccessibleName("What the plot shows")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.choice.setMinimumWidth(96)  # its words may be cut where the window is narrow
        self.choice.activated.connect(self._pick)
        self.choice.hide()
        self.add_to_head(self.choice)

    def show_curves(self, curves: Mapping[str, Series]) -> None:
        """Offer the groups of these curves, and show the chosen one's newest numbers."""
        self._series, self._groups = curves, grouped(curves)
        titles = list(self._groups)
        if titles != [self.choice.itemText(at) for at in range(self.choice.count())]:
            self.choice.clear()
            self.choice.addItems(titles)
            self.choice.setVisible(len(titles) > 1)
        if titles:
            # A score begins with a single point, which is no curve to begin with.
            grown = [title for title, group in self._groups.items()
                     if curves[group.names[0]].values.size > 1] or titles
            usual = grown[min(self._place, len(grown) - 1)]
            self.choice.setCurrentText(self._picked if self._picked in titles else usual)
        self._show()

    def allow_log(self, log: bool) -> None:
        """Say whether a logarithmic axis is wanted, where it suits the group."""
        self._allows_log = log
        self.set_log(log and self._group.log)

    def clear(self) -> None:
        """Take everything away; the next run begins with what suits it."""
        self._picked, self._group = "", Group("")
        self.choice.clear()
        self.choice.hide()
        super().clear()

    def _pick(self, _place: int) -> None:
        self._picked = self.choice.currentText()
        self._show()

    def _show(self) -> None:
        group = self._groups.get(self.choice.currentText(), Group(""))
        if group != self._group:
            self.keep(())  # others are told apart by other names
            is_other = group.title != self._group.title
            self._group = group
            if is_other:
                self.set_spelling(group.spell)
                self.set_log(self._allows_log and group.log)
                self.set_title(group.title, group.says)
                self._heading.hide()  # the choice says it
                self.choice.setToolTip(f"<p>{group.says}</p>" if group.says else "")
        for name in group.names:
            # Measured on held-out data now and then, each value is a mean of many already.
            self.set_series(name, *self._series[name], label=label_of(name, group.names),
                            is_smoothed=not name.startswith((HELD_OUT, SCORE)))
