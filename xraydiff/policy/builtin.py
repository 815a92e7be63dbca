"""The text of the built-in policy."""

from __future__ import annotations

_BUILTIN = """\
# The policy that holds where no other is given. A finding is blocked when one entry of `block` selects it, and an entry
# selects a finding when all of its keys hold. An image that was not read whole never passes, whatever stands here.
version: 2
# A file that was reached and not read whole may ask for what is gone: `block` until a waiver accepts it, or `allow`.
unknown: block
# Whether a slim image that this policy blocks may be mended by command: `allow` or `forbid`.
repair: allow
block:
  - severity: high
    certainty: likely
  # Certificates and TLS fail late and far from their cause, so a mere possibility is enough, but for what the
  # libraries ask of each other.
  - rules: [CRT, TLS]
    severity: high
    certainty: possible
    when: [start, use, operate]
    unless_asked_by:
      - libssl.so*
      - libssl-*.so*
      - libcrypto.so*
      - libcrypto-*.so*
      - libc.so*
      - libc-*.so
      - libc.musl-*.so*
      - ld-musl-*.so*
waivers: []
# A waiver accepts the missing paths that it names and nothing else, for a reason and perhaps until a day. The gate
# prints the waiver for whatever it blocks.
#   - fingerprint: 0123456789abcdef
#     paths:
#       - /app/plugins/pdf.so
#     reason: the plug-in is switched off in production
#     expires: 2030-12-31
#   - rule: SHL
#     path: /bin/**
#     reason: nobody logs in
#   - unread: too-large
#     path: /app/static/**
#     reason: bundles for browsers
"""


def builtin_policy_text() -> str:
    """The policy that holds where no other is given, as YAML to start from."""
    return _BUILTIN
