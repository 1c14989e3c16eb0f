"""How far languages lie apart."""
