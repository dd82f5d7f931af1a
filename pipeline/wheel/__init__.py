"""What the page needs to let HalfCheetah run in the reader's browser: kernels, start states, and totals measured there."""
