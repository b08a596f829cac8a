"""How dates are written where Django's own habit does not fit."""
