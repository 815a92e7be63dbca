"""Samples of `#!` lines."""

SAMPLES = (
    ("", b"#!/bin/sh\necho\n"),
    ("", b"#!/usr/bin/env -S FOO=1 python3 -I\nimport os\n"),
    ("", b"#! /bin/busybox ash \xff\n"),
)
