"""Runs beside each other: what differs, how they learned, what they scored, told as data or a page.

    reader = Reader()
    found = reader.read([path, path])     # any runs of any families and data, broken ones too
    found.differences, found.tables       # hyper-parameters that differ, facts and scores
    report(found, sheets)                 # all of it as one HTML page that needs no network

Neither torch nor Qt: the command line and the window look at the same comparison.
"""

from hybridstudio.comparison.curves import Overlay, overlays, title_of
from hybridstudio.comparison.differences import Difference, differences
from hybridstudio.comparison.facts import Fact, facts, notes
from hybridstudio.comparison.reading import Comparison, Reader, Subject
from hybridstudio.comparison.report import report, write_report
from hybridstudio.comparison.scoring import Figure, ScoreTable, score_table

__all__ = [
    "Comparison", "Difference", "Fact", "Figure", "Overlay", "Reader", "ScoreTable", "Subject",
    "differences", "facts", "notes", "overlays", "report", "score_table", "title_of",
    "write_report",
]
