"""A command-line client: `python -m ultrai.client`, documented in docs/client.md.

It knows nothing of the service but its public API, so it is also the example of how to use that:
`api.py` is what any client needs (tokens, problems, retries, pages, events), `commands.py` what
this one does with it. Neither Django nor a database is imported.
"""
