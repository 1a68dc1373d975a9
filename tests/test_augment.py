"""Augmentation: which pictures it strikes, what it keeps, its gradient, and its controller."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from hybridstudio.nets.augment import POLICIES, AdaController, Augment


def pictures(channels: int = 3, count: int = 16, side: int = 16) -> Tensor:
    stream = torch.Generator().manual_seed(1)
    return torch.rand(count, channels, side, side, generator=stream) * 2 - 1


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("policy", POLICIES)
class TestEveryPolicy:
    def test_of_probability_0_it_is_the_identity(self, policy: str, channels: int) -> None:
        images = pictures(channels)
        assert torch.equal(Augment([policy])(images, 0.0, seeded()), images)

    def test_of_probability_1_it_changes_nearly_all(self, policy: str, channels: int) -> None:
        images = pictures(channels)
        changed = Augment([policy])(images, 1.0, seeded())
        assert changed.shape == images.shape
        assert changed.isfinite().all()
        moved = (changed - images).abs().flatten(1).amax(1) > 1e-3
        assert moved.float().mean() > 0.7

    def test_in_between_some_stay_bit_by_bit(self, policy: str, channels: int) -> None:
        images = pictures(channels, 64)
        changed = Augment([policy])(images, torch.tensor(0.1), seeded())
        same = (changed == images).flatten(1).all(1)
        assert 0.2 < same.float().mean() < 1.0

    def test_the_generator_decides_alone(self, policy: str, channels: int) -> None:
        torch.manual_seed(3)
        images, augment = pictures(channels), Augment([policy])
        first = augment(images, 0.8, seeded(4))
        assert torch.equal(first, augment(images, 0.8, seeded(4)))
        assert not torch.equal(first, augment(images, 0.8, seeded(5)))
        now = torch.rand(2)
        torch.manual_seed(3)
        assert torch.equal(now, torch.rand(2))

    def test_its_gradient_is_the_slope(self, policy: str, channels: int) -> None:
        images = pictures(channels, 4, 8).requires_grad_()
        weights = pictures(channels, 4, 8)
        augment = Augment([policy])
        (augment(images, 1.0, seeded()) * weights).sum().backward()
        assert images.grad is not None
        # All transforms are linear in the picture: a step along any way tells the slope exactly.
        way = pictures(channels, 4, 8).flip(0)
        with torch.no_grad():
            ahead = augment(images + 0.5 * way, 1.0, seeded())
            behind = augment(images - 0.5 * way, 1.0, seeded())
        slope = ((ahead - behind) * weights).sum()
        torch.testing.assert_close((images.grad * way).sum(), slope, rtol=1e-3, atol=1e-3)


class TestEach:
    def test_flips_only_move_pixels(self) -> None:
        images = pictures()
        changed = Augment(["flips"])(images, 1.0, seeded())
        assert torch.equal(changed.flatten(2).sort().values, images.flatten(2).sort().values)

    def test_flips_show_all_eight_ways(self) -> None:
        images = pictures(1, 1).repeat(400, 1, 1, 1)
        changed = Augment(["flips"])(images, 1.0, seeded())
        assert len({picture.numpy().tobytes() for picture in changed}) == 8

    def test_geometry_leaves_an_even_picture_even(self) -> None:
        images = torch.full((16, 3, 16, 16), 0.25)
        changed = Augment(["geometry"])(images, 1.0, seeded())
        torch.testing.assert_close(changed, images)

    def test_colour_keeps_greys_grey(self) -> None:
        images = pictures(1).expand(-1, 3, -1, -1)
        changed = Augment(["colour"])(images, 1.0, seeded())
        assert (changed.amax(1) - changed.amin(1)).max() < 1e-5

    def test_grey_pictures_change_as_grey_colours_do(self) -> None:
        grey = Augment(["colour"])(pictures(1), 1.0, seeded())
        coloured = Augment(["colour"])(pictures(1).expand(-1, 3, -1, -1), 1.0, seeded())
        torch.testing.assert_close(coloured[:, :1], grey)

    def test_cutout_blanks_at_most_a_quarter(self) -> None:
        images = torch.ones(200, 1, 16, 16)
        blank = (Augment(["cutout"])(images, 1.0, seeded()) == 0).flatten(1).float().mean(1)
        assert blank.max() == pytest.approx(0.25)
        assert blank.min() >= 1 / 16

    def test_translation_shifts_by_an_eighth_at_most(self) -> None:
        images = torch.zeros(300, 1, 16, 16)
        images[:, :, 8, 8] = 1.0
        changed = Augment(["translation"])(images, 1.0, seeded())
        places = {divmod(place, 16) for place in changed.flatten(1).argmax(1).tolist()}
        assert places == {(y, x) for y in range(6, 11) for x in range(6, 11)}

    def test_an_unknown_policy_is_refused(self) -> None:
        with pytest.raises(KeyError):
            Augment(["blur"])


class TestController:
    def follow(self, logits: Tensor, steps: int = 50) -> list[float]:
        ada = AdaController(0.6, images_per_p=1000.0)
        ada.p.fill_(0.5)
        values = []
        for _ in range(steps):
            ada.update(logits, 4)
            values.append(float(ada.p))
        return values

    def test_p_rises_when_d_knows_every_real_picture(self) -> None:
        values = self.follow(torch.ones(4))
        assert values[-1] > 0.6
        assert all(later > now for now, later in pairwise(values[10:]))

    def test_p_falls_when_d_cannot_tell(self) -> None:
        values = self.follow(torch.tensor([1.0, -1.0, 1.0, -1.0]))
        assert values[-1] == pytest.approx(0.5 - 50 * 4 / 1000, abs=1e-5)

    def test_p_stays_within_0_and_1_and_outlives_bad_logits(self) -> None:
        assert self.follow(torch.ones(4), 400)[-1] == 1.0
        assert self.follow(-torch.ones(4), 400)[-1] == 0.0
        assert 0.0 <= self.follow(torch.full((4,), torch.nan))[-1] <= 1.0

    def test_its_state_is_saved(self) -> None:
        assert set(AdaController().state_dict()) == {"p", "r_t"}
