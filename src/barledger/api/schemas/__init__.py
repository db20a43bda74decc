"""What goes in and out, typed to the last field; one noun a file."""
