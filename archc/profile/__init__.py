"""What a device takes, in a file or a spec, and the check of a network against it."""

from archc.profile.check import check
from archc.profile.read import Profile, profile_in, read_profile

__all__ = ["Profile", "check", "profile_in", "read_profile"]
