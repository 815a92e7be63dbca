# frozen_string_literal: true

require "erb"
require "securerandom"

module Newsletter
  # Puts mails into an outbox, from which another service takes them.
  class Postman
    TEMPLATE = File.expand_path("../../views/mail/letter.erb", __dir__)

    def initialize(outbox)
      @outbox = outbox
    end

    def deliver(name, readers)
      readers.each do |reader|
        text = ERB.new(File.read(TEMPLATE)).result_with_hash(name: name, reader: reader)
        File.write(File.join(@outbox, SecureRandom.uuid), "To: #{reader["mail"]}\n\n#{text}")
      end
      Dir.children(@outbox).size
    end
  end
end
