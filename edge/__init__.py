"""The data plane: the worker that decides inside a CDN node. `edge.cli` is its command."""
