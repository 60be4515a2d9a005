"""What every provider plugin of a rehearsal shares: the provider protocol, faults, and a journal of what was done."""
