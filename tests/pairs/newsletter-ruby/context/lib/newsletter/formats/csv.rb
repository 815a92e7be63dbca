# frozen_string_literal: true

require "csv"

module Newsletter
  module Formats
    module Csv
      def self.dump(readers)
        CSV.generate { |csv| readers.each { |reader| csv << reader.values_at("name", "mail") } }
      end
    end
  end
end
