"""The container image: its base digests, its wheels and its build."""
