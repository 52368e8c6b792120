"""DICOM: read, de-identify, take the pixels out, and put others back as a derived object."""
