"""The commands of `inferloop`, one module each; what a command needs is imported when it runs."""
