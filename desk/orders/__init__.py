"""The way of an order: to the venue, back from it, and cancelled."""
