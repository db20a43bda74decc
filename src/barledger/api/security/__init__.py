"""Who is let in, and what is kept out."""
