"""Many ways of scoring a run, one number once more, and the command lines of both."""

import json
from dataclasses import replace

import pytest

from hybridstudio import cli, commands, engine, paths, runs
from hybridstudio.cli.scoreagain import combined
from hybridstudio.engine.repeating import compared
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Done, Notice, Progress, Repeat, Score, Scored, Started, Sweep

RUN = "ddpm-gaussians25"


def asked(**fields) -> Score:
    return Score(paths.checkpoints() / RUN, **{
        "count": 200, "metrics": ("fid", "modes"), "device": "cpu", **fields})


def told(request) -> list:
    return list(engine.run(request))


def of(kind: type, events: list) -> list:
    return [event for event in events if isinstance(event, kind)]


def test_every_way_is_told_with_its_place_and_progress_is_of_the_whole():
    ways = tuple(asked(nfe=nfe) for nfe in (2, 4, 6))
    events = told(Sweep(ways))
    assert of(Started, events)[0].what == f"Scoring {RUN} in 3 ways"
    assert len(of(Started, events)) == len(of(Done, events)) == 1
    assert [event.place for event in of(Scored, events)] == [0, 1, 2]
    steps = [event.step for event in of(Progress, events)]
    assert steps == sorted(steps)
    assert steps[-1] == of(Progress, events)[-1].total == 600
    assert of(Progress, events)[-1].left == 0.0
    result = of(Done, events)[0].result
    assert (result["scored"], result["known"], result["failed"]) == (3, 0, [])
    assert [one["nfe"] for one in result["results"]] == [2, 4, 6]
    json.dumps(result)


def test_what_is_known_is_not_scored_again_unless_asked():
    first, second = asked(nfe=3), asked(nfe=4)
    told(first)
    events = told(Sweep((second, first)))
    assert {event.place for event in of(Scored, events)} == {0, 1}
    assert (of(Done, events)[0].result["scored"], of(Done, events)[0].result["known"]) == (1, 1)
    assert any("scored already" in notice.what for notice in of(Notice, events))
    assert of(Done, told(Sweep((first,), again=True)))[0].result["scored"] == 1
    for other in (asked(nfe=3, count=201), asked(nfe=3, seed=1), asked(nfe=3, eta=0.5),
                  asked(nfe=3, metrics=("fid", "kid")), asked(nfe=3, split="train")):
        assert of(Done, told(Sweep((other,))))[0].result["known"] == 0
    narrower = asked(nfe=3, metrics=("fid",), sampler=runs.read(first.source).config.sampler)
    assert of(Done, told(Sweep((narrower,))))[0].result["known"] == 1


@pytest.mark.parametrize("changed", ["features", "data"])
def test_what_was_measured_by_other_features_or_data_of_that_name_is_measured_anew(changed):
    way = asked(nfe=5, seed=11)
    told(way)
    file = paths.runs() / "scores.jsonl"  # of models that ship
    record = json.loads(file.read_text().splitlines()[-1])
    if changed == "features":
        record["features"]["sha256"] = "0" * 64
    else:
        record["data_sha256"] = "0" * 64
    file.write_text(json.dumps(record) + "\n")
    assert of(Done, told(Sweep((way,))))[0].result["known"] == 0
    assert of(Done, told(Sweep((way,))))[0].result["known"] == 1


def test_one_that_fails_is_a_notice_and_the_others_go_on():
    events = told(Sweep((asked(nfe=2), asked(nfe=10**6), asked(nfe=3))))
    assert [event.place for event in of(Scored, events)] == [0, 2]
    faults = [notice for notice in of(Notice, events) if notice.level == "error"]
    assert "nfe 1000000" in faults[0].what
    assert of(Done, events)[0].result["failed"][0]["place"] == 1
    with pytest.raises(StudioError, match="Nothing could be scored"):
        told(Sweep((asked(nfe=10**6),)))
    with pytest.raises(UsageError):
        told(Sweep(()))


def test_a_number_comes_out_the_same_again():
    record = of(Done, told(asked(nfe=4)))[0].result
    kept = len(runs.scores(asked().source))
    again = of(Done, told(Repeat(asked().source, record)))[0].result["repeat"]
    assert again["outcome"] == "same"
    assert again["differences"] == []
    assert set(again["scores"]) == {"frechet", "modes"}
    assert len(runs.scores(asked().source)) == kept, "what is repeated is not kept"


def test_what_is_different_is_told():
    record = json.loads(json.dumps(of(Done, told(asked(nfe=4)))[0].result))
    other = json.loads(json.dumps(record))
    other["machine"]["torch"] = "9.9"
    figure = other["scores"]["frechet"]
    figure["value"] = (figure["low"] + figure["value"]) / 2
    found = compared(record, other)
    assert found["outcome"] == "within"
    assert [one["what"] for one in found["differences"]] == ["torch"]
    figure["value"] = 2 * figure["high"]
    other["weights_sha256"] = "0" * 64
    found = compared(record, other)
    assert found["outcome"] == "differs"
    assert found["differences"][0] == {
        "what": "the weights", "before": record["weights_sha256"][:12], "now": "0" * 12}
    del other["scores"]["frechet"]
    assert compared(record, other)["outcome"] == "differs"


def test_combinations_are_read_from_words():
    base = asked()
    ways = combined(base, ["nfe=2,3", "sampler=ddim,dpm++2m"])
    assert [(way.nfe, way.sampler) for way in ways] == [
        (2, "ddim"), (2, "dpm++2m"), (3, "ddim"), (3, "dpm++2m")]
    assert [way.step for way in combined(base, ["step=6000,best"])] == [6000, "best"]
    for words in ("nfe", "nfe=", "nfe=x", "colour=1"):
        with pytest.raises(UsageError, match="--sweep"):
            combined(base, [words])


def test_a_sweep_has_a_command_where_it_is_every_combination():
    ways = combined(asked(), ["nfe=2,3", "sampler=ddim,dpm++2m"])
    words = commands.words_of(Sweep(ways, again=True))
    assert words[:3] == ["hybridstudio", "score", RUN]
    assert words[-5:] == ["--sweep", "sampler=ddim,dpm++2m", "--sweep", "nfe=2,3", "--again"]
    assert commands.words_of(Sweep(ways[:3])) == []
    assert commands.words_of(Sweep((asked(), asked(count=3, device="auto")))) == []
    knobs = tuple(replace(asked(), knobs={"k": value}) for value in (1.0, 2.0))
    assert commands.words_of(Sweep(knobs))[-2:] == ["--sweep", "k=1.0,2.0"]


def test_the_command_sweeps_and_repeats(capsys):
    words = ["score", RUN, "--count", "150", "--metrics", "fid", "--device", "cpu"]
    assert cli.main([*words, "--sweep", "nfe=2,3", "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["scored"] == 2
    assert cli.main(["score", RUN, "--repeat"]) == 0
    assert "The same to the last digit." in capsys.readouterr().out
    assert cli.main(["score", RUN, "--repeat", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["nfe"] == 2
    assert cli.main(["score", RUN, "--repeat", "99"]) == 2
    assert cli.main(["score", RUN, "--repeat", "--sweep", "nfe=2"]) == 2
    assert cli.main([*words, "--sweep", "nfe=2,1000000"]) == 1
