"""Run any stack on this machine: provider plugins of our own, on real emulators, driven by the real engine."""
