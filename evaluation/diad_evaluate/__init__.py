"""The published evaluation's figures on one's own data: what `diad-evaluate` runs.

    layouts/          which files are good, which defective, where the masks are
    masks             a mask file -> bool [S, S], as the published loaders do it
    regions           a mask -> how much each defective pixel counts in the per-region overlap
    pixel_counts      maps and masks of a class -> counts that all pixel metrics follow from
    overlap           AU-PRO, by the published rule and exact
    metrics           the seven metrics, and why one is undefined
    class_images    scores, maps and masks of one class while it runs
    mistakes          the worst false alarms and misses as images
    evaluation        the run: a class at a time
    results           what a run found: classes, means, faults
    paper             the paper's figures
    output            evaluation.json, evaluation.csv, pictures.csv, page.html
    curves, page      ROC and PR plots; the page

Needs the extra `evaluate`: scikit-learn, SciPy, matplotlib.
"""

import diad_deploy  # noqa: F401 - telemetry is off before any module imports onnxruntime
