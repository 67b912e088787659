# Usage: interop.rb SCENARIO HOST
#
# The Ruby half of interop.py: several requests on one kept connection by Net::HTTP, the same by Faraday, and uploads by the
# S3 client of Debian. Prints one JSON value a line.
require "digest"
require "json"
require "net/http"
require "openssl"

NGINX = 9100
S3 = 9103

def say(*values) = puts(JSON.generate(values))

def shown(response)
  fields = response.each_header.to_h.reject { |name, _| %w[date last-modified etag].include?(name) }
  [response.code, response.message, response.http_version, fields, Digest::SHA256.hexdigest(response.body.to_s)[0, 16]]
end

def net_http(host)
  Net::HTTP.start(host, NGINX, nil, nil, use_ssl: true, read_timeout: 30) do |http|
    %w[/small.json /large.txt /missing /nothing /moved /picture.png].each { |path| say(path, *shown(http.get(path))) }
    say(*shown(http.head("/large.txt")))
    put = Net::HTTP::Put.new("/small.json", "Expect" => "100-continue", "Content-Type" => "application/json")
    put.body = JSON.generate(note: "rent")
    http.continue_timeout = 5
    say(*shown(http.request(put)))
  end
end

def faraday(host)
  require "faraday"
  connection = Faraday.new(url: "https://#{host}:#{NGINX}")
  %w[/small.json /missing].each do |path|
    response = connection.get(path)
    say(path, response.status, response.headers["content-type"], response.body)
  end
end

def s3(host)
  require "aws-sdk-s3"
  client = Aws::S3::Client.new(
    endpoint: "https://#{host}:#{S3}", region: "us-east-1", force_path_style: true, retry_limit: 0,
    access_key_id: "testing", secret_access_key: "testing"
  )
  client.create_bucket(bucket: "ruby")
  body = "the budget is on track " * 40_000
  say(client.put_object(bucket: "ruby", key: "a.txt", body: body).etag)
  say(Digest::SHA256.hexdigest(client.get_object(bucket: "ruby", key: "a.txt").body.read)[0, 16])
  say(client.list_objects_v2(bucket: "ruby").contents.map(&:key))
end

send(ARGV.fetch(0), ARGV.fetch(1))
