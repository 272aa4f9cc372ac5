"""The desktop window. The only package that knows Qt; it never imports torch or numba."""
