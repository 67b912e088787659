// Usage: java Client URL BODY
//
// Posts BODY to URL with the JDK's own client and prints one JSON line: status, why it was blocked, or the error. Its trust is
// what JAVA_TOOL_OPTIONS names; nothing here is told about it.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

public class Client {
    public static void main(String[] arguments) {
        try {
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0]))
                .timeout(Duration.ofSeconds(30))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(arguments[1]))
                .build();
            HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
            String blocked = answer.headers().firstValue("x-pipelock-blocked").map(word -> "\"" + word + "\"").orElse("null");
            System.out.println("{\"status\":" + answer.statusCode() + ",\"blocked\":" + blocked + "}");
        } catch (Exception error) {
            System.out.println("{\"error\":\"" + error.toString().replaceAll("[\"\\\\\\p{Cntrl}]", " ") + "\"}");
        }
    }
}
