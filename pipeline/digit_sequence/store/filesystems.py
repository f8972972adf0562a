"""Opening what a URI names: the local disk, S3 and what speaks its protocol, or another store.

An object store's credentials come from the environment or the usual chain of its kind, never from
the URI, which is written down. An endpoint of one's own is named in the URI
(``s3://bucket/folder?endpoint_override=HOST:PORT&scheme=http``) or by ``AWS_ENDPOINT_URL``. A
request that fails on its way, or that the store is too busy for, is repeated with growing pauses,
a bounded number of times.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from digit_sequence.base.errors import OutputError
from digit_sequence.base.files import is_remote

CONNECT_SECONDS, SILENT_SECONDS = 5.0, 20.0
"""How long a store may take to connect, and to send the next byte."""
_S3_OPTIONS = ("region", "scheme", "endpoint_override", "tls_ca_file_path")
"""What the query of an s3:// URI may say."""
_SECRET = re.compile("key|secret|token|password|credential|sig", re.IGNORECASE)
"""Names in the query of a URI that would be written down with it."""


@lru_cache(maxsize=16)
def open_filesystem(uri: str, attempts: int, _process: int) -> tuple[Any, str]:
    """Open what a local path or a URI names; return it, and the path in it.

    Each process opens its own: after a fork, two would read each other's answers from a connection.
    """
    if not is_remote(uri):
        return fs.LocalFileSystem(), uri
    parts = urlsplit(uri)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    is_s3 = parts.scheme == "s3"
    if parts.password is not None or (is_s3 and parts.username) or any(map(_SECRET.search, query)):
        raise OutputError(
            f"{place}: expected no credentials in the URI; set them in the environment, such as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    try:
        if is_s3:
            return _open_s3(parts, query, attempts), (parts.netloc + unquote(parts.path)).strip("/")
        if parts.scheme in ("gs", "gcs") and "retry_limit_seconds" not in query:
            seconds = 5 * attempts  # Google's client repeats requests for a quarter of an hour
            uri += f"{'&' if parts.query else '?'}retry_limit_seconds={seconds}"
        filesystem, root = fs.FileSystem.from_uri(uri)
    except (pa.ArrowException, OSError, TypeError, ValueError) as error:
        raise OutputError(f"{place}: not a directory that can be opened: {error}") from error
    return filesystem, root.rstrip("/")


def _open_s3(parts: SplitResult, query: dict[str, str], attempts: int) -> fs.S3FileSystem:
    """Open S3, or what speaks its protocol."""
    unknown = query.keys() - set(_S3_OPTIONS)
    if unknown or not parts.netloc:
        got = f"the option {min(unknown)}" if unknown else "no bucket"
        raise ValueError(f"expected s3://BUCKET/FOLDER?{'&'.join(_S3_OPTIONS)}, got {got}")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and "endpoint_override" not in query:
        scheme, _, host = endpoint.rpartition("://")
        query = {"scheme": scheme or "https", "endpoint_override": host.rstrip("/"), **query}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if "region" not in query and not region and "endpoint_override" not in query:
        query["region"] = fs.resolve_s3_region(parts.netloc)
    return fs.S3FileSystem(
        **query,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=SILENT_SECONDS,
        # Without the quota of the standard one, which a faulty network may use up for all threads.
        retry_strategy=fs.AwsDefaultS3RetryStrategy(max_attempts=attempts - 1),
        allow_delayed_open=True,  # one PUT up to 10 MB: parts of an upload that never ends stay
    )


def has_bucket(files: Any, bucket: str) -> bool:
    """Return whether there is a bucket, or it must not be asked for."""
    try:
        is_there: bool = files.get_file_info(bucket).type != fs.FileType.NotFound
    except OSError:
        return True
    return is_there
