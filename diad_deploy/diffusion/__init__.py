"""The diffusion pipeline: schedule, noise, stages, and the denoising loop."""
