"""How well detection finds errors: on a vendor's real ones, and on errors made here and held out."""
