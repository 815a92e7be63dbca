"""Samples of Perl: a program, and what a parser takes only in part."""

PROGRAM = rb"""#!/usr/bin/perl
package Shop::App;
use strict; use lib "$FindBin::Bin/../lib"; use parent qw(Shop::Base Shop::Other);
use open ':encoding(UTF-16)';
our @ISA = ('AutoLoader');
require Shop::A; require "x.pl"; do "./conf.pl";
my $name = shift || 'Default';
eval "use Shop::Plugin::$name; 1" or die;
for my $one (qw(A B)) { require "Shop/$one.pm" }
for my $one (glob "/etc/shop/*.pl") { do $one }
if ($] < 5.008) { require Old } elsif ($^O eq 'MSWin32') { require Win32 } else { require New }
sub later { use Encode; system('convert', $_[0]); open(my $fh, '-|', 'cat', '/etc/motd'); $fh->autoflush }
my $text = <<"END" . `ls /srv`;
https://example.org \N{GREEK SMALL LETTER ALPHA} $ENV{HOME} \p{Greek} \xff
END
open(F, "<:utf8", "/etc/passwd"); print "x" if -e "/etc/hosts" and %!;
Module::Runtime->use_module("Shop::X"); $dbh->connect("dbi:SQLite:x"); Template->new(INCLUDE_PATH => "/srv/t");
print $Config{useithreads}; XSLoader::load(); run [$^X, 'x.pl'];
__END__
=head1 NAME
"""

SAMPLES = (
    ("", PROGRAM),
    ("", b"use A;\n}}}(\nuse B;\n"),
    ("", b"$x = " + b"(" * 300 + b")" * 300 + b";\nuse Deep;\n"),
    ("", b"use A;\n" + b"$x = q(\n" * 1_700),
    ("", b"$a = " + b"'x' . " * 300 + b"'y';\nrequire $a;\n"),
    ("", "use A;\n".encode("utf-16")),
    ("", b""),
)
