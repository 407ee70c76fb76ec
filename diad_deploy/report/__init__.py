"""The report of a run: a folder that is written image by image and opens as one page.

    OUT/run.json                   the settings of the run: bundle, backend, options
    OUT/results.jsonl              one JSON object per image, in input order, written as they come
    OUT/results.csv                the same rows and columns
    OUT/heatmaps/NAME.png          the anomaly map over the image, on the same scale for all
    OUT/maps/NAME.npy or .tiff     the raw anomaly maps at the model's size, if requested
    OUT/thumbnails/NAME.*.jpg      small images for the page, only of the images on it
    OUT/report.html                the page, written at the end from the files above

`folder` has the names of the files, `results` the rows, `image_outputs` the files of one image,
`ranking` the images that the page shows, and `page` the page.
"""
