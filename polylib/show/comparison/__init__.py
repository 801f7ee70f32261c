"""Runs laid side by side: what differs in what was asked, in the code, in the data and in what came out.

It reads run folders and draws a page; tests of differences are handed in, since statistics live above it.
"""
