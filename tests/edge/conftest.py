"""Servers that several tests share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.edge.bundles import put, shop
from tests.edge.serving import Server, write_config


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker with the shop's bundle, on TCP."""
    directory = tmp_path_factory.mktemp("shop")
    put(directory / "bundle", shop())
    with Server(write_config(directory, body_bytes_max=20_000, request_read_seconds_max=1.0)) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of it."""
    with server.client() as open_client:
        yield open_client
