"""The version of this package, for reports and packaging."""

VERSION = "0.3.0"
