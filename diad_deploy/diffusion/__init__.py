"""The denoising loop: schedule, noise, stages, and the pass through them."""
