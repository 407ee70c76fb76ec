"""What `diad-calibrate` does, from Python: thresholds from good images, and their intervals.

python examples/set_thresholds.py good bundle thresholds.json
"""

import sys

from diad_deploy import CalibrationConfig, Detector, calibrate, read_thresholds


def main(folder: str, bundle: str, output: str) -> None:
    """Set a threshold that 1 in 10 good images may exceed, and open a detector with it."""
    config = CalibrationConfig(folder=folder, bundle=bundle, output=output, false_alarm_rate=0.1)
    overall = calibrate(config).thresholds.overall
    print(f"threshold {overall.score:.4f} from {overall.pictures} good images")
    print(f"false alarms: {overall.rate_low:.1%} to {overall.rate_high:.1%} expected")
    with Detector.open(bundle, thresholds=read_thresholds(output)) as detector:
        print(f"decides on {', '.join(detector.devices)} with {detector.backend}")


if __name__ == "__main__":
    main(*sys.argv[1:])
