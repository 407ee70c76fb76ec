"""The report of a run: a folder that grows image by image and opens as one page.

    OUT/run.json                   what made it: bundle, backend, options
    OUT/results.jsonl              one JSON object an image, in input order, written as they come
    OUT/results.csv                the same rows and columns
    OUT/heatmaps/NAME.png          the anomaly map over the image, on one scale for all
    OUT/maps/NAME.npy or .tiff     raw anomaly maps at the model's size, where asked for
    OUT/thumbnails/NAME.*.jpg      for the page; only of the images it shows
    OUT/report.html                the page, written at the end from the files above

`results` are the rows, `folder` the files and their names, `image_outputs` what is drawn for
one image (`heatmap`, `colours`), `ranking` what the page shows (`histogram`), `page` the page.
"""
