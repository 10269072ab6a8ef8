"""Mistakes put into the text of specs: each operator knows that what it makes is wrong, and on which lines.

Nothing here asks archc whether a text is wrong; `language.py` holds what these tests know of the language themselves.
"""
