import base64
import io
import json
import re
import xml.etree.ElementTree as Tree
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from hybridstudio import paths, runs
from hybridstudio.cli import main
from hybridstudio.comparison import Reader, overlays, report, svg, write_report
from hybridstudio.comparison.scoring import Figure
from hybridstudio.config import RunConfig, with_values
from hybridstudio.errors import UsageError
from hybridstudio.messages import Notice, Sheet, Sheets

VOID = {"meta", "input", "img", "br"}
EVIL = "<script>alert('x')</script>&\"'"


class Page(HTMLParser):
    """Checks that tags are closed in their order, and gathers what could fetch something."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.sources, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def shipped(*names):
    return Reader().read(paths.checkpoints() / name for name in names)


def test_the_page_is_whole_and_fetches_nothing():
    found = shipped("ddpm-mnist", "hybrid-mnist", "vae-mnist", "gan-gaussians25")
    text = report(found, command="hybridstudio compare a b")
    page = Page(text)
    assert "script" not in page.found
    assert "link" not in page.found
    assert page.sources == []
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/2000/svg)", text)
    assert "prefers-color-scheme:dark" in text
    for words in ("Settings that differ", "Fréchet distance", "hybridstudio train",
                  "hybridstudio score", "hybridstudio compare a b", "different data"):
        assert words in page.text
    assert len(text) < 2_000_000


def test_every_drawing_is_well_formed():
    text = report(shipped("ddpm-mnist", "vae-mnist"))
    drawings = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(drawings) > 6
    for drawing in drawings:
        Tree.fromstring(drawing)
        assert "nan" not in drawing.replace("nance", "").lower().split()


def test_sheets_are_crisp_pictures_within_the_page():
    found = shipped("vae-mnist", "gan-gaussians25")
    images = np.random.default_rng(0).integers(256, size=(4, 28, 28, 1), dtype=np.uint8)
    sheet = Sheet(found.subjects[0].path, images, 1.5, 1)
    page = Page(report(found, {sheet.run: sheet}, Sheets((sheet.run,), 4, 7),
                       [Notice("Nothing was drawn from gan-gaussians25", "why so")]))
    (source,) = page.sources
    kind, _, data = source.partition(",")
    assert kind == "data:image/png;base64"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert (picture[2:30, 2:30, 0] == images[0, :, :, 0]).all()
    assert "From seed 7" in page.text
    assert "nothing was drawn" in page.text
    assert "why so" in page.text


def test_everything_from_a_run_is_escaped(tmp_path):
    path = tmp_path / "run <b>&"
    runs.create(path, with_values(RunConfig(name="x"), {"says": EVIL, "data.name": "folder:<i>"}))
    log = runs.MetricsLog(path)
    for step in (1, 2):
        log.append(step, {f"loss/{EVIL}": 1.0 / step}, seconds=step)
    log.close()
    figure = {"value": 1.0, "low": 0.9, "high": 1.1}
    runs.record_score(path, {"scores": {EVIL: figure, "frechet": figure}, "n": 3, "split": EVIL,
                             "features": {"sha256": EVIL}, "label": EVIL, "distance": EVIL,
                             "sampler": EVIL, "command": EVIL})
    (path / "card.json").write_text(json.dumps({"command": EVIL, "machine": {"device": EVIL},
                                                "parameters": {EVIL: 3}}))
    other = tmp_path / "other"
    runs.create(other, RunConfig(name="y"))
    page = Page(report(Reader().read([path, other]), notices=[Notice(EVIL, EVIL)], command=EVIL))
    assert not {"script", "b", "i"}.intersection(page.found)
    assert EVIL in page.text


def test_runs_without_anything_still_make_a_page(tmp_path):
    runs.create(tmp_path / "young", RunConfig())
    page = Page(report(Reader().read([tmp_path / "young", tmp_path / "nothing"])))
    assert "None of these runs has been scored" in page.text
    assert "No curves were recorded" in page.text
    assert "nothing cannot be read" in page.text


def test_curves_of_odd_values_are_drawn(tmp_path):
    for values in ([float("nan")] * 3, [1.0], [5.0, 5.0], [1e-30, 1e30], [-1.0, float("inf")]):
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        runs.create(path, RunConfig())
        log = runs.MetricsLog(path)
        for step, value in enumerate(values):
            log.append(step, {"loss": value}, seconds=step)
        log.close()
        for overlay in overlays(Reader().read([path]).subjects):
            for against in ("steps", "time"):
                Tree.fromstring(svg.curves(overlay, against))


def test_bars_stand_between_real_and_noise():
    drawing = svg.bars("Distance", ["a", "b", "c"], [
        Figure(2.0, "2", 1.8, 2.2, 0.3, 400.0), Figure(9.0, "9", is_fair=False), None])
    assert drawing.count("<circle") == 2
    assert 'fill="none"' in drawing
    assert ">real<" in drawing
    assert ">noise<" in drawing
    assert "none</text>" in drawing
    assert svg.bars("x", ["a"], [None]) == ""


def test_ticks_are_round():
    assert svg.round_values(0, 10_000) == [0, 2000, 4000, 6000, 8000, 10_000]
    assert svg.round_values(1, 1) == [1]
    assert svg.clock_values(3600)[1] == 600
    assert 10.0 in svg.Scale(0.3, 400, 0, 1, log=True).ticks()


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    out = tmp_path / "r.html"

    def cancel():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(out, "page", check=cancel)
    assert list(tmp_path.iterdir()) == []
    write_report(out, "page")
    with pytest.raises(UsageError):
        write_report(out, "other")
    assert out.read_text() == "page"


def test_the_command_writes_a_page_and_tells_it_as_json(tmp_path, capsys):
    out = tmp_path / "r.html"
    line = ["compare", "vae-mnist", "gan-gaussians25", "--out", str(out), "--count", "4", "--json"]
    assert main(line) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [run["name"] for run in told["runs"]] == ["vae-mnist", "gan-gaussians25"]
    assert told["runs"][0]["scores"]["frechet"]["floor"] > 0
    assert "model.family" in told["differences"]
    assert len(told["drawn"]) == 2
    page = Page(out.read_text())
    assert len(page.sources) == 2
    assert "hybridstudio compare vae-mnist" in page.text
    assert main(line) == 2  # it is there already
    assert main([*line, "--force", "--no-sheets"]) == 0
    assert Page(out.read_text()).sources == []


def test_the_command_refuses_what_cannot_be_meant(tmp_path, capsys):
    assert main(["compare", "vae-mnistt", "--out", str(tmp_path / "r.html")]) == 2
    assert "did you mean vae-mnist?" in capsys.readouterr().err
    assert main(["compare", "vae-mnist", "--out", str(tmp_path / "r.pdf")]) == 2
    assert list(tmp_path.glob("r.*")) == []
