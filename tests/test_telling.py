import math

import pytest

from hybridstudio import telling


@pytest.mark.parametrize(("seconds", "said"), [
    (-1, "0 s"), (0, "0 s"), (0.05, "0.05 s"), (1.5, "1.5 s"), (9.96, "10 s"), (45, "45 s"),
    (59.6, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min"),
    (86_400 * 3.1, "3 d 2 h"), (math.nan, "?"), (math.inf, "?")])
def test_times_are_told_in_the_two_units_that_matter(seconds, said):
    assert telling.duration(seconds) == said


@pytest.mark.parametrize(("value", "said"), [
    (0, "0"), (0.03124, "0.0312"), (20_000, "20,000"), (3.2e-6, "3.2e-6"), (1e12, "1e12"),
    (math.nan, "NaN"), (math.inf, "∞"), (-math.inf, "-∞"), (-1234.5, "-1,234")])
def test_numbers_are_told_in_three_figures(value, said):
    assert telling.number(value) == said


@pytest.mark.parametrize(("count", "said"), [
    (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (12_345_678, "12.3 MB"), (640e6, "640 MB"),
    (999.6e6, "1.0 GB"), (1.24e9, "1.2 GB"), (3.2e12, "3.2 TB"), (5e15, "5,000 TB")])
def test_amounts_of_memory_are_told_in_decimal_units(count, said):
    assert telling.bytes(count) == said
