"""Stock to bring back: written calls without cover, and recalled shorts."""
