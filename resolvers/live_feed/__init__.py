"""The subscription fields, prepared so that one execution serves everybody who asks for the same."""
