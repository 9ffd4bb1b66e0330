"""Comparison of all methods on one data set under label noise, each with the same network and number of steps."""
