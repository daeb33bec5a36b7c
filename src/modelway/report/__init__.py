"""Records in, self-contained HTML and SVG out; rendering computes nothing but where things stand on the page."""
