# frozen_string_literal: true

# The parts are loaded when they are first named.
module Newsletter
  autoload :Archive, "newsletter/archive"
  autoload :Formats, "newsletter/formats"
  autoload :Plain, "newsletter/plain"
  autoload :Postman, "newsletter/postman"
end
