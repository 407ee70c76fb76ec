"""What `diad-run` does, from Python: a report that can be resumed, unreadable images included.

python examples/write_report.py photos bundle report
"""

import sys

from diad_deploy import InspectionConfig, inspect_images


def main(folder: str, bundle: str, output: str) -> None:
    """Start the report, or resume it, and print where its page is."""
    config = InspectionConfig(
        paths=[folder], bundle=bundle, output=output, workers=2, existing="resume"
    )
    summary = inspect_images(config)
    print(f"{summary.ok} of {summary.pictures} images read; {summary.report}")


if __name__ == "__main__":
    main(*sys.argv[1:])
