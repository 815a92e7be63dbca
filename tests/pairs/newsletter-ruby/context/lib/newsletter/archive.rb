# frozen_string_literal: true

require "kramdown"

module Newsletter
  # Letters of a directory, each a file in Markdown.
  class Archive
    def initialize(directory)
      @directory = directory
    end

    def titles
      Dir[File.join(@directory, "*.md")].map { |path| File.basename(path, ".md") }.sort
    end

    def find(name)
      path = File.join(@directory, "#{name}.md")
      Kramdown::Document.new(File.read(path)).to_html if File.exist?(path)
    end
  end
end
