"""The pages of `docs/reference`, made from the code: `make reference`.

A page's words are the code's own docstrings and help texts. Where one is missing or poor, it is mended there.
"""
