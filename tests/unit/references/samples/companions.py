"""Samples of files that rows of companions know; the form is the path."""

SAMPLES = (
    ("", b""),
    ("/etc/nsswitch.conf", b"hosts: files dns myhostname\npasswd: files \xff\n"),
    ("/usr/bin/erl", b"#!/bin/sh\n"),
)
