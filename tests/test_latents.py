"""The geometry of latent spaces: ends, norms, grids, walks, arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from hybridstudio import latents
from hybridstudio.config import MODELS, Shape, parse
from hybridstudio.config.models.base import Space

SPHERE = Space("z", "", 64, parts=(("a", 40), ("b", 24)))
FLAT = Space("w", "", 64, is_normal=False, parts=(("a", 40), ("b", 24)), follows="z")
CODES = latents.codes_of_seeds(SPHERE, range(5))


def test_a_seed_stands_for_the_same_code_for_ever():
    code = latents.code_of_seed(Space("z", "", 3), 7)
    assert code.dtype == np.float32
    assert code.tolist() == pytest.approx([1.6905258, -0.46593738, 0.03282016])
    assert np.array_equal(code, latents.code_of_seed(Space("z", "", 9), 7)[:3])


def test_seeds_have_no_codes_where_codes_are_not_normal():
    with pytest.raises(ValueError, match="carry them over from z"):
        latents.code_of_seed(FLAT, 1)


def test_codes_of_seeds_lie_on_a_thin_shell_and_a_straight_middle_inside_it():
    wide = Space("x", "", 4096)
    a, b = latents.codes_of_seeds(wide, (1, 2))
    assert latents.norms(np.stack([a, b])) == pytest.approx(1.0, abs=0.04)
    assert float(latents.norms(latents.lerp(a, b, 0.5))) == pytest.approx(0.5**0.5, abs=0.03)
    assert float(latents.norms(latents.slerp(a, b, 0.5))) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("way", [latents.lerp, latents.slerp])
def test_ends_are_met_bit_for_bit(way):
    met = way(CODES[0], CODES[1], np.array([0.0, 1.0]))
    assert np.array_equal(met, CODES[:2])


def test_slerp_turns_evenly_and_keeps_the_length():
    a = np.zeros(8)
    b = np.zeros(8)
    a[0], b[1] = 2.0, 2.0
    t = np.linspace(0, 1, 7)
    met = latents.slerp(a, b, t)
    assert np.linalg.norm(met, axis=1) == pytest.approx(2.0, rel=1e-6)
    assert np.arctan2(met[:, 1], met[:, 0]) == pytest.approx(t * np.pi / 2, abs=1e-6)


def test_the_length_goes_evenly_where_the_ends_differ_in_it():
    met = latents.slerp(CODES[0], 3.0 * CODES[1], 0.5)
    ends = np.linalg.norm(CODES[0]), np.linalg.norm(3.0 * CODES[1])
    assert np.linalg.norm(met) == pytest.approx(sum(ends) / 2, rel=1e-6)


@pytest.mark.parametrize("end", [CODES[0], -CODES[0], np.zeros(64, np.float32)])
def test_without_one_circle_the_way_is_straight(end):
    met = latents.slerp(CODES[0], end, 0.25)
    assert met == pytest.approx(0.75 * CODES[0] + 0.25 * end, abs=1e-6)


def test_every_part_keeps_to_its_own_sphere_and_styles_go_straight():
    met = latents.between(SPHERE, CODES[0], CODES[1], 0.5)
    assert met[:40] == pytest.approx(latents.slerp(CODES[0][:40], CODES[1][:40], 0.5))
    straight = latents.between(FLAT, CODES[0], CODES[1], 0.5)
    assert np.array_equal(straight, latents.lerp(CODES[0], CODES[1], 0.5))
    assert np.array_equal(straight, latents.between(SPHERE, CODES[0], CODES[1], 0.5, linear=True))


@pytest.mark.parametrize("side", [3, 8, 15])
@pytest.mark.parametrize("linear", [False, True])
def test_a_grid_has_its_corners_and_a_cell_is_the_same_alone(side, linear):
    cells = latents.grid(SPHERE, CODES[:4], side, linear)
    assert cells.shape == (side * side, 64)
    ends = [0, side - 1, side * (side - 1), side * side - 1]
    assert np.array_equal(cells[ends], CODES[:4])
    places = np.linspace(0.0, 1.0, side)
    for row, column in ((1, 2), (2, 0), (side - 1, 1)):
        alone = latents.inside(SPHERE, CODES[:4], places[column], places[row], linear)
        assert np.array_equal(alone[0], cells[row * side + column])


def test_a_window_shows_a_part_of_the_same_square():
    whole = latents.grid(SPHERE, CODES[:4], 9).reshape(9, 9, -1)
    part = latents.grid(SPHERE, CODES[:4], 5, window=(0.5, 0.0, 1.0, 0.5)).reshape(5, 5, -1)
    assert np.array_equal(part, whole[:5, 4:])


def test_unevenness_is_the_distance_of_neighbours():
    images = np.zeros((6, 2, 2, 1), np.uint8)
    images[2], images[5] = 255, 255  # the last column of two rows of three
    across, down = latents.unevenness(images, 3)
    assert across.tolist() == [[0.0, 2.0], [0.0, 2.0]]
    assert down.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("easing", latents.EASINGS)
@pytest.mark.parametrize("loop", [False, True])
def test_a_walk_meets_its_points(easing, loop):
    legs = 5 if loop else 4
    at = latents.stations(5, 6 * legs + (not loop), loop=loop, easing=easing)
    codes = latents.walked(SPHERE, CODES, at, loop=loop)
    assert (np.diff(at) >= 0.0).all()
    for number, code in enumerate(CODES):
        assert np.array_equal(codes[6 * number], code)
    last = codes[-1]
    assert loop != np.array_equal(last, CODES[-1])  # a loop stops one step before its beginning


def test_one_point_is_stood_at():
    codes = latents.walked(SPHERE, CODES[:1], latents.stations(1, 4))
    assert np.array_equal(codes, np.repeat(CODES[:1], 4, axis=0))


def test_a_stroke_counts_by_how_far_it_moves():
    strokes = np.zeros((5, 28, 28, 1), np.uint8)
    for place, column in enumerate((2, 4, 8, 16, 2)):
        strokes[place, 4:24, column:column + 2] = 255
    steps = [latents.perceived(strokes[[0, other]])[0] for other in (1, 2, 3, 4)]
    assert 0.0 == steps[3] < steps[0] < steps[1] < steps[2]
    pixels = [np.abs(strokes[0] - strokes[other].astype(float)).mean() for other in (1, 2, 3)]
    assert len(set(pixels)) == 1  # which say of all of them that they are other pixels
    assert latents.perceived(strokes) == pytest.approx(latents.perceived(255 - strokes), rel=1e-5)


@pytest.mark.parametrize("loop", [False, True])
def test_what_is_seen_changes_evenly(loop):
    far = np.linspace(0.0, 1.0, 41)[: 40 if loop else 41]
    seen = (np.sin(np.pi * far) if loop else far) ** 3  # how bright the pictures are
    images = np.rint(np.full((1, 4, 4, 1), 255.0) * seen[:, None, None, None]).astype(np.uint8)
    even = latents.evened(far, images, loop=loop)
    found = (np.sin(np.pi * even) if loop else even) ** 3
    assert np.ptp(np.abs(np.diff(found))) < 0.35 * np.ptp(np.abs(np.diff(seen)))
    assert len(even) == len(far)
    assert even[0] == pytest.approx(0.0)


def test_a_paced_walk_changes_pictures_evenly():
    at = np.linspace(0.0, 1.0, 101)
    seen = at**3  # pictures that change little at first
    paced = latents.paced(at, np.diff(seen), 11)
    assert np.diff(paced**3) == pytest.approx(0.1, abs=0.003)
    assert (paced[0], paced[-1]) == pytest.approx((0.0, 1.0))
    still = latents.paced(at, np.zeros(100), 5)
    assert still == pytest.approx(np.linspace(0, 1, 5))


def test_arithmetic_keeps_the_usual_length():
    found = latents.analogy(SPHERE, *CODES[:3])
    for _, part in latents.parts_of(SPHERE):
        wanted = np.mean(latents.norms(CODES[:3, part]))
        assert float(latents.norms(found[part])) == pytest.approx(wanted, rel=1e-5)
    raw = CODES[0] - CODES[1] + CODES[2]
    assert found[:40] / np.linalg.norm(found[:40]) == pytest.approx(
        raw[:40] / np.linalg.norm(raw[:40]), abs=1e-6)
    assert latents.analogy(FLAT, *CODES[:3]) == pytest.approx(raw)
    assert latents.analogy(SPHERE, CODES[0], CODES[1], CODES[1]) == pytest.approx(
        CODES[0] * np.mean(latents.norms(CODES[[0, 1, 1], :40])) / latents.norms(CODES[0, :40]),
        abs=0.3)


def test_codes_move_along_directions():
    axes = np.eye(64, dtype=np.float32)[:2]
    moved = latents.moved(CODES, axes, [2.0, -1.0])
    assert (moved - CODES)[:, :3] == pytest.approx(np.tile([2.0, -1.0, 0.0], (5, 1)), abs=1e-6)


def test_styles_mix_by_their_parts():
    taken = latents.mixed(FLAT, CODES[:2], CODES[3], 1)
    assert np.array_equal(taken[:, :40], CODES[:2, :40])
    assert np.array_equal(taken[:, 40:], np.tile(CODES[3, 40:], (2, 1)))
    assert np.array_equal(latents.mixed(FLAT, CODES[0], CODES[3], 2), CODES[0])


@pytest.mark.parametrize("name", MODELS)
def test_every_family_tells_its_spaces_or_why_it_has_none(name):
    data = {"name": "digits", "size": 8, "channels": 1, "classes": ["a", "b"]}
    model = parse({"data": data, "model": {"family": name}}).model
    spaces = model.spaces(Shape(1, 8, 8))
    assert bool(spaces) != bool(model.no_space)
    for space in spaces:
        assert not space.parts or sum(many for _, many in space.parts) == space.dimensions
        assert space.is_normal or space.follows in [other.name for other in spaces]
        assert space.says.endswith(".")
        assert space.finds in ("encoder", "inversion", "search")
        assert model.steady
        assert set(model.steady) <= set(model.samplers)
    for space in model.spaces(Shape(2, 1, 1)):
        assert space.finds == ""
