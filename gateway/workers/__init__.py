"""The loops behind the requests: `table` lists them by who runs them, the other modules are what they do."""
