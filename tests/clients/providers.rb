# Usage: providers.rb CALLS
#
# Makes every call of the JSON file CALLS with the library that Sure's code for that provider uses, and prints one JSON line
# each: provider, status, why it was blocked, or the error. Nothing here is told about a proxy.
require "json"
require "net/http"
require "uri"
require "httparty"
require "faraday"

def ask(call)
  headers = call["headers"].to_h
  body = call["body"]
  post = call["method"] == "POST"
  case call["library"]
  when "httparty"
    response = post ? HTTParty.post(call["url"], body: body, headers: headers) : HTTParty.get(call["url"], headers: headers)
    [response.code, response.headers["x-pipelock-blocked"]]
  when "faraday"
    response = post ? Faraday.post(call["url"], body, headers) : Faraday.get(call["url"], nil, headers)
    [response.status, response.headers["x-pipelock-blocked"]]
  else
    uri = URI(call["url"])
    Net::HTTP.start(uri.host, uri.port, :ENV, nil, nil, nil, use_ssl: true) do |http|
      response = post ? http.post(uri.request_uri, body, headers) : http.get(uri.request_uri, headers)
      [response.code.to_i, response["x-pipelock-blocked"]]
    end
  end
end

JSON.parse(File.read(ARGV.fetch(0))).each do |call|
  status, blocked = ask(call)
  puts JSON.generate(provider: call["provider"], status: status, blocked: blocked)
rescue StandardError => e
  puts JSON.generate(provider: call["provider"], error: "#{e.class}: #{e.message}")
end
