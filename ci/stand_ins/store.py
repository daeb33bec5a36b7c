"""An object store, moto's, with buckets in it: `python store.py BUCKET...`."""

from __future__ import annotations

import signal
import sys

import boto3
from moto.server import ThreadedMotoServer

PORT = 5000


def main(buckets: list[str]) -> None:
    """Serve until the process is told to end."""
    server = ThreadedMotoServer(ip_address="0.0.0.0", port=PORT, verbose=False)
    server.start()
    who = {"aws_access_key_id": "store", "aws_secret_access_key": "store", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{PORT}", **who)
    for bucket in buckets:
        client.create_bucket(Bucket=bucket)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main(sys.argv[1:])
