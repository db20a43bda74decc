"""The routes, one noun a file; each gives a `router`, and `app` names them all."""
