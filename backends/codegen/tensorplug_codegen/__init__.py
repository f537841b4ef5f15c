"""Renders the op table's scalar expressions to kernel source: C now;
the language is a record, so others can follow.
"""
