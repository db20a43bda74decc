"""The HTTP face; thin: parse, call a service, render. `app.build` makes it, `server` runs it."""
