"""What a device takes, as a file, and the check of a network against it."""

from archc.profile.check import check
from archc.profile.read import Profile, read_profile

__all__ = ["Profile", "check", "read_profile"]
