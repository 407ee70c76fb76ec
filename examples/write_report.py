"""What `diad-run` does, from Python: a report that can be resumed, bad images and all.

python examples/write_report.py photos bundle report
"""

import sys
from pathlib import Path

from diad_deploy.inspection.inspect import InspectionOptions, Request, inspect_paths


def main(folder: str, bundle: str, output: str) -> None:
    """Begin the report, or go on with it, and print where its page is."""
    summary = inspect_paths(
        Request(
            paths=(Path(folder),),
            bundle=Path(bundle),
            output=Path(output),
            options=InspectionOptions(workers=2, existing="resume"),
        )
    )
    print(f"{summary.ok} of {summary.pictures} images read; {summary.report}")


if __name__ == "__main__":
    main(*sys.argv[1:])
