"""One step back of a diffusion on a line: by Bayes, against Monte Carlo and known answers."""

import time

import numpy as np
import pytest

from hybridstudio import onestep
from hybridstudio.diffusion.schedule import Schedule, vp_schedule
from hybridstudio.onestep import NODES, PRESETS, SPACING

TWO = PRESETS["Two peaks"]
STEPS = [(4, 2), (4, 1), (8, 5), (1, 1), (100, 40), (1000, 1)]


def integral(places, heights):
    return float(((heights[1:] + heights[:-1]) / 2 * np.diff(places)).sum())


def drawn(density, count, stream):
    """Draw from a density over the grid by its distribution function."""
    whole = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * SPACING)])
    return np.interp(stream.random(count), whole / whole[-1], NODES)


class TestDensities:
    @pytest.mark.parametrize("name", PRESETS)
    def test_presets_are_densities(self, name):
        density = PRESETS[name]
        assert integral(NODES, density) == pytest.approx(1.0)
        assert (density >= 0).all()

    @pytest.mark.parametrize("heights", [
        np.zeros(len(NODES)), np.ones(3), -np.ones(len(NODES)), np.full(len(NODES), np.nan)])
    def test_what_is_no_density_is_refused(self, heights):
        with pytest.raises(ValueError, match="density"):
            onestep.normalised(heights)

    def test_peaks_are_counted_and_ripples_are_not(self):
        assert onestep.peaks(TWO) == 2
        assert onestep.peaks(PRESETS["Comb"]) == 5
        assert onestep.peaks(PRESETS["Skewed"]) == 1
        assert onestep.peaks(PRESETS["Uniform"]) == 1
        assert onestep.peaks(PRESETS["One bell"] * (1 + 0.02 * np.sin(60 * NODES))) == 1


class TestDiffusion:
    @pytest.mark.parametrize("steps", [1, 4, 1000])
    def test_it_is_the_one_of_the_denoising_diffusion_gan(self, steps):
        betas = [onestep.step(steps, t).beta for t in range(1, steps + 1)]
        np.testing.assert_allclose(betas, vp_schedule(steps).betas, rtol=1e-9)

    def test_a_step_has_the_posterior_of_the_schedule(self):
        schedule: Schedule = vp_schedule(8)
        for t in range(1, 9):
            taken = onestep.step(8, t)
            assert taken.of_x0 == pytest.approx(float(schedule.posterior_mean_coef1[t - 1]))
            assert taken.of_x_t == pytest.approx(float(schedule.posterior_mean_coef2[t - 1]))
            assert taken.variance == pytest.approx(float(schedule.posterior_variance[t - 1]))

    @pytest.mark.parametrize("wrong", [(4, 0), (4, 5), (0, 1), (1001, 3)])
    def test_steps_that_are_not_there_are_refused(self, wrong):
        with pytest.raises(ValueError, match="no step"):
            onestep.step(*wrong)

    def test_a_step_may_leap_over_others(self):
        assert onestep.step(8, 6, 2).beta == pytest.approx(
            1 - np.prod([1 - onestep.step(8, t).beta for t in (3, 4, 5, 6)]))

    @pytest.mark.parametrize("left", [0.9999, 0.9, 0.3, 1e-4])
    def test_marginals_are_densities(self, left):
        places = np.linspace(-8, 8, 8001)
        assert integral(places, onestep.marginal(TWO, left, places)) == pytest.approx(1, abs=1e-9)


class TestReverse:
    @pytest.mark.parametrize(("steps", "t"), STEPS)
    @pytest.mark.parametrize("x_t", [-1.3, 0.1, 6.0])
    def test_it_is_a_density_with_the_mean_and_variance_it_says(self, steps, t, x_t):
        found = onestep.reverse(TWO, onestep.step(steps, t), x_t)
        assert integral(found.places, found.true) == pytest.approx(1.0, abs=1e-6)
        mean = integral(found.places, found.places * found.true)
        assert mean == pytest.approx(found.mean, abs=1e-3)
        variance = integral(found.places, (found.places - mean) ** 2 * found.true)
        assert variance == pytest.approx(found.variance, rel=2e-2, abs=1e-6)
        assert found.best >= 0
        assert found.fixed >= found.best - 1e-9

    @pytest.mark.parametrize(("steps", "t", "x_t"), [(4, 2, 0.2), (4, 1, 0.1), (8, 3, -0.5)])
    def test_it_agrees_with_monte_carlo(self, steps, t, x_t):
        stream = np.random.default_rng(0)
        taken, count, near = onestep.step(steps, t), 2_000_000, 0.02
        x_s = np.sqrt(taken.to) * drawn(TWO, count, stream)
        x_s += np.sqrt(1 - taken.to) * stream.standard_normal(count)
        forward = np.sqrt(1 - taken.beta) * x_s
        forward += np.sqrt(taken.beta) * stream.standard_normal(count)
        came = x_s[np.abs(forward - x_t) < near]
        found = onestep.reverse(TWO, taken, x_t)
        assert len(came) > 10_000
        error = 5 * came.std() / np.sqrt(len(came))
        assert came.mean() == pytest.approx(found.mean, abs=error + near)
        assert came.var() == pytest.approx(found.variance, rel=0.03)
        edges = np.linspace(-2, 2, 21)
        shares = np.histogram(came, edges)[0] / len(came)
        whole = np.concatenate([[0.0], np.cumsum(
            (found.true[1:] + found.true[:-1]) / 2 * np.diff(found.places))])
        expected = np.diff(np.interp(edges, found.places, whole))
        np.testing.assert_allclose(shares, expected, atol=0.01)

    def test_bayes_gives_the_mixture_over_all_x0(self):
        taken, x_t = onestep.step(8, 4), -0.4
        found = onestep.reverse(TWO, taken, x_t)
        masses = onestep.seen(TWO, taken.at, x_t) * SPACING
        mixture = sum(mass * onestep.gaussian(
            found.places, taken.of_x0 * node + taken.of_x_t * x_t, taken.variance)
            for mass, node in zip(masses, NODES, strict=True))
        np.testing.assert_allclose(found.true, mixture, atol=1e-6)

    def test_the_gaussian_of_its_own_mean_and_variance_is_the_best(self):
        found = onestep.reverse(TWO, onestep.step(4, 2), 0.0)

        def missed(mean, variance):
            logs = np.log(found.true / onestep.gaussian(found.places, mean, variance))
            return integral(found.places, found.true * logs)

        best = missed(found.mean, found.variance)
        assert best == pytest.approx(found.best, abs=1e-6)
        assert missed(found.mean, found.ddpm) == pytest.approx(found.fixed, rel=1e-3)
        for other in ((found.mean + 0.05, found.variance), (found.mean, found.variance * 1.1),
                      (found.mean, found.variance * 0.9)):
            assert missed(*other) > best

    def test_the_last_step_of_ddpm_has_no_width(self):
        found = onestep.reverse(TWO, onestep.step(4, 1), 0.0)
        assert found.ddpm == 0.0
        assert found.fixed == np.inf


class TestPrice:
    @pytest.mark.parametrize(("steps", "t"), [(4, 2), (4, 1), (16, 5), (1, 1)])
    def test_the_average_is_that_over_all_x_t(self, steps, t):
        taken, places = onestep.step(steps, t), np.linspace(-6, 6, 401)
        weights = onestep.marginal(TWO, taken.at, places)
        each = [onestep.reverse(TWO, taken, float(x)).best if weight > 1e-9 else 0.0
                for x, weight in zip(places, weights, strict=True)]
        average = integral(places, weights * np.array(each))
        assert onestep.divergence(TWO, taken) == pytest.approx(average, rel=1e-3)

    def test_gaussian_data_cost_nothing_however_large_the_steps(self):
        bell = onestep.bells((1.0, 0.1, 0.3))
        for steps, t in STEPS:
            assert onestep.divergence(bell, onestep.step(steps, t)) < 1e-5

    @pytest.mark.parametrize("name", ["Two peaks", "Uniform", "Comb", "Skewed"])
    def test_more_steps_cost_less(self, name):
        prices = list(onestep.prices(PRESETS[name], (1, 2, 4, 16, 64, 250, 1000)))
        totals, means = ([getattr(price, kind) for price in prices] for kind in ("total", "mean"))
        assert totals == sorted(totals, reverse=True)
        assert means == sorted(means, reverse=True)
        assert totals[0] > 20 * totals[-1]

    def test_one_step_costs_what_the_data_differ_from_a_gaussian(self):
        # From pure noise x_1 tells nothing: the divergence is that of the data themselves.
        mean = integral(NODES, NODES * TWO)
        variance = integral(NODES, (NODES - mean) ** 2 * TWO)
        logs = np.log(np.maximum(TWO, 1e-300) / onestep.gaussian(NODES, mean, variance))
        assert onestep.price(TWO, 1).total == pytest.approx(integral(NODES, TWO * logs), abs=1e-3)

    def test_what_is_between_is_read_off_the_steps_that_were_measured(self):
        exact = [onestep.divergence(TWO, onestep.step(100, t)) for t in range(1, 101)]
        price = onestep.price(TWO, 100)
        assert price.total == pytest.approx(sum(exact), rel=0.05)
        assert price.largest == pytest.approx(max(exact), rel=0.05)


def test_a_drag_is_counted_well_within_a_frame():
    taken, places = onestep.step(4, 2), np.linspace(-3.2, 3.2, 401)
    spent = []
    for x_t in np.linspace(-2, 2, 21):
        began = time.perf_counter()
        onestep.marginal(TWO, taken.at, places)
        onestep.reverse(TWO, taken, float(x_t))
        spent.append(1000 * (time.perf_counter() - began))
    assert np.median(spent) <= 16  # measured 1.1 ms
