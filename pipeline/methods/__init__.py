"""A folder a method: `settings` says how it is trained, `model` what it is, `policy` how it acts."""
