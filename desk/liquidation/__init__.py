"""Liquidations: planning and recording them, on request and automatically."""
