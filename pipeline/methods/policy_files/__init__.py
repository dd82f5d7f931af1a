"""Policies in files that others made: Python, Stable-Baselines3, ONNX and TorchScript, a module each with `load(run)`."""
