"""The project's own tests: run by its own pytest, judged by what that left."""
