# Usage: client.rb VARIANT URL BODY
#
# Posts BODY to URL the way real Ruby code does and prints one JSON line: status, why it was blocked, or the error.
# Nothing here is told about a proxy; net_http_nil says in so many words that it wants none.
require "json"
require "net/http"
require "uri"

variant, url, body = ARGV
uri = URI(url)
headers = { "Content-Type" => "application/json", "X-CamelCase-Probe" => "kept" }

def tell(status, blocked)
  puts JSON.generate(status: status.to_i, blocked: blocked)
end

begin
  case variant
  when "net_http_block"
    Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https") do |http|
      response = http.post(uri.request_uri, body, headers)
      tell(response.code, response["x-pipelock-blocked"])
    end
  when "net_http_nil"
    http = Net::HTTP.new(uri.host, uri.port, nil)
    http.use_ssl = uri.scheme == "https"
    response = http.post(uri.request_uri, body, headers)
    tell(response.code, response["x-pipelock-blocked"])
  when "httparty"
    require "httparty"
    response = HTTParty.post(url, body: body, headers: headers)
    tell(response.code, response.headers["x-pipelock-blocked"])
  when "faraday"
    require "faraday"
    response = Faraday.post(url, body, headers)
    tell(response.status, response.headers["x-pipelock-blocked"])
  else
    abort "unknown variant #{variant}"
  end
rescue SystemCallError, IOError, OpenSSL::SSL::SSLError, StandardError => e
  puts JSON.generate(error: "#{e.class}: #{e.message}")
end
