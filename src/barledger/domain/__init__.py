"""Values of the field, without any I/O: what a bar, a series, an interval and a version are."""
