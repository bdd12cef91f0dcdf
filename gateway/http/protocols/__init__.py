"""uvicorn's protocols with the limits of the desk: what lies between a socket and an application."""
