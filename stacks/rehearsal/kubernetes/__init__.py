"""Kubernetes as a rehearsal has it: a provider plugin for any API server, with the official provider's rules."""
