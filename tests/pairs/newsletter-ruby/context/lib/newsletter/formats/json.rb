# frozen_string_literal: true

require "json"

module Newsletter
  module Formats
    module Json
      def self.dump(readers)
        JSON.pretty_generate(readers)
      end
    end
  end
end
