# frozen_string_literal: true

$LOAD_PATH.unshift File.expand_path("lib", __dir__)
require "sinatra/base"
require "i18n"
require "yaml"
require "newsletter"

SETTINGS = YAML.load_file(File.expand_path("config/newsletter.yml", __dir__))
I18n.load_path += Dir[File.expand_path("locales/*.yml", __dir__)]
I18n.default_locale = :en

# A newsletter: letters in Markdown, pages in the reader's language, mails into an outbox.
class App < Sinatra::Base
  set :root, __dir__
  set :bind, "0.0.0.0"
  set :port, 4567
  set :server, "webrick"
  set :show_exceptions, false
  set :host_authorization, { permitted_hosts: [] } if respond_to?(:host_authorization)

  get("/health") { "fine\n" }

  get "/" do
    @letters = Newsletter::Archive.new(SETTINGS["letters"]).titles
    erb :index
  end

  get "/letters/:name" do
    @letter = Newsletter::Archive.new(SETTINGS["letters"]).find(params[:name])
    halt 404, erb(:missing) unless @letter
    erb :letter
  end

  get "/letters/:name/plain" do
    content_type :text
    Newsletter::Plain.new(SETTINGS["letters"]).text(params[:name])
  end

  get "/greeting/:locale" do
    I18n.with_locale(params[:locale]) { I18n.t("greeting", name: "Ann") }
  end

  get "/export/:format" do
    Newsletter::Formats.for(params[:format]).dump(SETTINGS["readers"])
  end

  post "/send/:name" do
    Newsletter::Postman.new(SETTINGS["outbox"]).deliver(params[:name], SETTINGS["readers"]).to_s
  end

  get "/clock" do
    ENV["TZ"] = SETTINGS["zone"]
    Time.at(1_700_000_000).strftime("%H:%M %Z\n")
  end

  error { "failed: #{env["sinatra.error"].message}\n" }
end

App.run!
