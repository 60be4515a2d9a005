"""AWS as a rehearsal has it: moto's server, and typed emulation for what moto does not have."""
