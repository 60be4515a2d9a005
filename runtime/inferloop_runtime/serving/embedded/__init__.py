from inferloop_runtime.serving.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
