"""Make one file of an asset available in the run: a link into the cache of downloads; what the cache lacks is fetched.

Sources are asked in order: a user's own file, the cache, the folder that RELAB_MIRROR names (laid out by asset and file),
then the declared sources. Every file is checked before it gets its name. Beside the link a lock file says what came.
"""

from __future__ import annotations

import os
from pathlib import Path

from relab.assets.cache import link
from relab.assets.fetch import fetch
from relab.errors import run
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.assets import Fetched


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--asset", required=True, help="name of the asset")
    options.add_argument("--file", required=True, help="name of the file")
    options.add_argument("--cache", required=True, type=Path, metavar="DIR", help="cache of downloads, shared by all runs")
    options.add_argument("--output", required=True, type=Path, metavar="FILE", help="link to write")
    options.add_argument("--lock", required=True, type=Path, metavar="FILE", help="lock file to write: what came, as JSON")
    args = options.parse_args()
    shorten_timeouts()
    declared = job_settings(args, Fetched)
    with record_provenance(args, outputs=[args.output, args.lock]) as entry:
        available = fetch(args.asset, args.file, declared, args.cache)
        link(available, args.output, args.lock)
        entry["asset"] = available.metadata


def shorten_timeouts() -> None:
    """Make libraries give up within seconds where there is no network, unless the user has set otherwise."""
    # a name server that never answers is asked for 2 seconds, here and in pip, instead of 20
    os.environ.setdefault("RES_OPTIONS", "timeout:1 attempts:2")
    # the Hub's client would ask the Hub what to call itself before it asks for a file
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


if __name__ == "__main__":
    run(main)
