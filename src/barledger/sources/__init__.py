"""Sources give bars: vendors, exchanges, files."""
