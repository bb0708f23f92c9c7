"""The fused scan of a liquid layer in C: the sources are in ``src``, `function` calls them, `library` loads them."""
