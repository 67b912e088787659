# What an app does: its database, its cache, and an API. Says of each what came back; then waits, to be asked again.
require "json"
require "net/http"
require "securerandom"
require "socket"

def told(what)
  puts JSON.generate(what: what, came: yield)
rescue StandardError => e
  puts JSON.generate(what: what, error: e.class.name, message: e.message)
ensure
  $stdout.flush
end

def post(text)
  answer = Net::HTTP.post(URI("https://api.example.test/v1/notes"), JSON.generate(text: text), "content-type" => "application/json")
  "#{answer.code} #{answer["x-pipelock-blocked"]}".strip
end

def postgres
  socket = TCPSocket.new("db", 5432)
  socket.write([8, 80_877_103].pack("NN")) # SSLRequest
  socket.read(1)
ensure
  socket&.close
end

def redis
  socket = TCPSocket.new("redis", 6379)
  socket.write("PING\r\n")
  socket.gets&.strip
ensure
  socket&.close
end

# In the shape of a key of AWS, made up here so that none stands in this file.
KEY = %w[AK IA].join + Array.new(16) { [*"A".."Z", *"2".."7"].sample(random: SecureRandom) }.join

asked = ARGV.empty? ? %w[postgres redis clean leak] : ARGV
told("postgres") { postgres } if asked.include?("postgres")
told("redis") { redis } if asked.include?("redis")
told("clean") { post("nothing to hide") } if asked.include?("clean")
told("leak") { post("key #{KEY}") } if asked.include?("leak")
Signal.trap("TERM") { exit }
sleep if ARGV.empty?
