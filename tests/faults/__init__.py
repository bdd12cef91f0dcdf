"""What the desk makes of a world that is wrong in many ways at once."""
