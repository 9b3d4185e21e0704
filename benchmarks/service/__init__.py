"""How fast the service is on a full database, and how near it comes to what is possible.

`make bench` runs it at full size; `.venv/bin/python -m benchmarks.service --help` tells the rest.
"""
