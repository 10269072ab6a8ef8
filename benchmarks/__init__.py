"""Figures of archc beside those of its peers, each taken in turn in one run; nothing here is asserted anywhere."""
