"""The bundles on a real MONAI Label server: ``python -m benchmarks.monai_label --label-env DIR``."""
