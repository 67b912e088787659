# Doubles of what an app talks to: enough of PostgreSQL and Redis to be greeted, and an API under TLS that prints what arrives.
require "json"
require "openssl"
require "socket"

def serve(port)
  server = TCPServer.new("0.0.0.0", port)
  loop do
    Thread.new(server.accept) do |socket|
      yield socket
    rescue StandardError => e
      warn "#{e.class}: #{e.message}"
    ensure
      socket.close
    end
  end
end

def told(what)
  puts JSON.generate(what)
  $stdout.flush
end

def certificate(name, key, issuer, issuer_key, extensions)
  made = OpenSSL::X509::Certificate.new
  made.version = 2
  made.serial = rand(1 << 64)
  made.subject = OpenSSL::X509::Name.parse("/CN=#{name}")
  made.issuer = issuer ? issuer.subject : made.subject
  made.public_key = key
  made.not_before = Time.now - 3600
  made.not_after = Time.now + 86_400 * 30
  factory = OpenSSL::X509::ExtensionFactory.new(issuer || made, made)
  extensions.each { |extension| made.add_extension(factory.create_extension(*extension)) }
  made.sign(issuer_key, "SHA256")
end

def api
  key = OpenSSL::PKey::EC.generate("prime256v1")
  authority = OpenSSL::PKey::EC.generate("prime256v1")
  root = certificate("demo root", authority, nil, authority, [["basicConstraints", "CA:TRUE", true], ["keyUsage", "keyCertSign", true], ["subjectKeyIdentifier", "hash"]])
  leaf = certificate("api.example.test", key, root, authority, [["subjectAltName", "DNS:api.example.test,DNS:bank.example.test"], ["authorityKeyIdentifier", "keyid"]])
  context = OpenSSL::SSL::SSLContext.new
  context.add_certificate(leaf, key, [root])
  File.write("/roots/root.new", root.to_pem)
  File.rename("/roots/root.new", "/roots/root.pem")
  serve(443) do |plain|
    told(connected: plain.peeraddr[3])
    socket = OpenSSL::SSL::SSLSocket.new(plain, context)
    socket.accept
    while (line = socket.gets)
      length = 0
      until (header = socket.gets.to_s.strip).empty?
        length = header.split(":")[1].to_i if header.downcase.start_with?("content-length:")
      end
      body = socket.read(length)
      told(from: plain.peeraddr[3], request: line.strip, body: body)
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    end
  end
end

case ARGV.fetch(0)
when "api" then api
when "postgres" then serve(5432) { |socket| socket.write("N") if socket.read(8) }
when "redis" then serve(6379) { |socket| socket.write("+PONG\r\n") if socket.gets }
end
