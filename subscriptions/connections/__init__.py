"""One connection of a client: its protocol, its operations and its bounded output."""
