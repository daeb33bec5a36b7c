"""The frozen values that pass between rooms, and the options of each room. Imports pydantic, pyarrow, errors."""
