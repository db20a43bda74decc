"""The loops of our own indicators. Importing one of these modules imports numba; nothing does before a first use."""
