"""Weather and sensor faults, as pure functions on anybody's numpy images, and as a Gymnasium wrapper."""
