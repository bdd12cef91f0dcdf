"""The subscription fields, prepared so that one execution serves all subscribers that request the same."""
