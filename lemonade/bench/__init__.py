"""Benchmarks of search methods that train nothing."""
