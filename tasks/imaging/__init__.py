"""Image files to arrays and back; a leaf that knows neither DICOM nor Prefect."""
