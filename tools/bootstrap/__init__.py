"""Prepare a checkout: uv, the virtual environment and the Pulumi engine. Standard library only."""
