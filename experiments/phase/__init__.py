"""Phase diagrams: where in a plane of parameters an effect appears, and where it does not."""
