"""The stand-in as a process of its own: `python -m ecs_stand_in --port 4566 --service loans`."""

from __future__ import annotations

import argparse
import sys

from ecs_stand_in.cluster import Cluster
from ecs_stand_in.wire import StandIn


def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(description="A small ECS for rehearsals: a cluster with one service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--cluster", default="main")
    parser.add_argument("--service", default="model")
    parser.add_argument("--tick", type=float, default=0.1, help="how long one unit of time is, in seconds")
    args = parser.parse_args()
    cluster = Cluster(args.cluster, args.tick)
    cluster.register({"family": args.service, "containerDefinitions": [{"name": "server", "image": "placeholder"}]}, [])
    cluster.create_service(args.service, args.service, 0)
    stand_in = StandIn(cluster, host=args.host, port=args.port)
    sys.stdout.write(f"ECS stands in at {stand_in.url}\n")
    sys.stdout.flush()
    stand_in.serve_forever()


if __name__ == "__main__":
    main()
