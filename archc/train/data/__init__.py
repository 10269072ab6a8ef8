"""Where examples come from."""

from __future__ import annotations

from archc.train.data.examples import Data, Examples
from archc.train.data.find import Places, places_of
from archc.train.data.load import load_data

__all__ = ["Data", "Examples", "Places", "load_data", "places_of"]
