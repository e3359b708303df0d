"""A run as one page for a browser: written by Python, made alive by a little JavaScript and plotly, offline."""
