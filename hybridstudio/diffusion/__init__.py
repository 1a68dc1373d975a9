"""The mathematics of diffusion: noise schedules, samplers, likelihood."""
