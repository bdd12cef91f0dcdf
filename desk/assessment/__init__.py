"""One account after a change: whether a case opens, changes or closes, and what a person has to see."""
