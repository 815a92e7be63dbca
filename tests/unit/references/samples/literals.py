"""Samples of texts and binaries with names."""

SAMPLES = (
    ("", b"# /etc/comment\nCLASSPATH=/opt/a.jar:/opt/b.jar,/c http://host/not/this\n\xff /srv/x\n"),
    ("config", b"root /srv/www;\nerror_page 404 /404.html;\nproxy http://db:postgresql/\n"),
    ("", b"\x7fELF\0/usr/lib/x.so\0/bin:/usr/bin\0"),
    ("", b"0" * 64 + b"  /etc/passwd\n"),
    ("", b""),
)
