"""How dates are written where Django writes them: as everywhere else in the admin, with the day first and 24 hours."""
