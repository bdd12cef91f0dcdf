"""What takes two people: requests, what carries them out, and the settings that change only so."""
