"""The reference of the API, from its own description: a page for browsers, and docs/api.md."""
