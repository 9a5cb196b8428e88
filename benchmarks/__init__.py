"""Measures Gatepost beside its peers, in one run and on one machine: `./run bench [NAME…] [--quick]`."""
