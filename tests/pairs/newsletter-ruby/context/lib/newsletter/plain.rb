# frozen_string_literal: true

require "kramdown"

module Newsletter
  # A letter without its marks, by kramdown's own writer.
  class Plain < Archive
    def text(name)
      source = File.read(File.join(@directory, "#{name}.md"))
      Kramdown::Document.new(source, input: "markdown").to_kramdown
    end
  end
end
