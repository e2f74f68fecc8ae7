"""Measures a running server against the raw database driver, and its audit log against none."""

import warnings

warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")  # the PostgreSQL wheel looks for it
