"""Examples, as the documentation shows them: errors that are written down, and answers that are recorded."""
