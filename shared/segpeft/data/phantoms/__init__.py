"""Synthetic medical images with exact labels, for tests, examples and trials that must run without any download.

`python -m segpeft.data.phantoms brain --help` writes a data set in the layout of the Medical Segmentation Decathlon (of
KiTS19 for the abdomen), or (`--layout series`, `--dicom`) as a folder a case with one volume a channel.
A further organ is one new file that ends in a `Phantom`, and one entry in `__main__.PHANTOMS`.
"""
