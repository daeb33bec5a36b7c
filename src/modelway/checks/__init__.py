"""The tools that CI runs (format, lint, types, tests, security), and what changed."""
