"""The loops of a desk process."""
