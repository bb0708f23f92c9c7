"""Who holds the wheel: the `Policy` interface, the expert, neural policies, and the zoo of trained checkpoints."""
