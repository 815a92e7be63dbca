# frozen_string_literal: true

module Newsletter
  # Writers of the readers' list, one file each.
  module Formats
    def self.for(name)
      require_relative "formats/#{name}"
      const_get(name.capitalize)
    end
  end
end
