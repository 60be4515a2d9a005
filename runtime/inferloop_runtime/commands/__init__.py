"""The commands of `inferloop-runtime`, one module each; what a command needs is imported when it runs."""
