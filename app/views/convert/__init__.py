"""Making an EXL3 model out of an original one."""
