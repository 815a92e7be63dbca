"""Samples of Ruby: programs, a template, a compiled extension, and what a parser takes only in part."""

PROGRAM = rb"""#!/usr/bin/ruby
# encoding: euc-jp
require 'bundler/setup'
require_relative "lib/#{name}"
$LOAD_PATH.unshift File.expand_path('../lib', __dir__)
ROOT = ENV.fetch('ROOT', '/srv')
%w[a b].each { |one| require "plugins/#{one}" }
Dir["#{ROOT}/x/*.rb"].sort.each { |file| load file }
class App < Sinatra::Base
  set :views, File.join(ROOT, 'views')
  get('/') { erb :index, layout: :main }
  def run = system('convert', 'x') || exec(RbConfig.ruby, 'x.rb')
end
if RUBY_PLATFORM =~ /mswin/ then require 'win32ole' else require 'etc' end
begin; require 'x' rescue LoadError; end
Net::HTTP.get(URI('https://example.org'))
File.open("/etc/motd", "r:iso-8859-1") { |f| `cat #{f.path}` }
Digest::SHA256.hexdigest(<<~TEXT)
  text \xff #{a + b}
TEXT
__END__
data
"""

SAMPLES = (
    ("", PROGRAM),
    ("erb", b"<% require 'time' %>\n<p><%= render 'nav' -%></p><%# no %>\n"),
    ("", b"\x7fELF\x02\x01\0rb_require\0digest/sha2\0openssl\0\0Init_openssl\0"),
    ("", b"require 'a'\n}}}(\nrequire 'b'\n"),
    ("", b"x = [" + b"[" * 300 + b"]" * 300 + b"]\nrequire 'deep'\n"),
    ("", b"require 'a'\n" + b"x = %w[\n" * 1_700),
    ("", b"a = " + b"'x' + " * 300 + b"'y'\nrequire a\n"),
    ("", "require 'a'\n".encode("utf-16")),
    ("", b""),
)
