"""The runner: trains what was compiled. torch and Lightning are imported by its modules, not by this one."""
