import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Asks users with the JDK's client. */
final class Users {
    static final class Unavailable extends Exception {}

    private final HttpClient client;
    private final String address;
    private final long timeout;
    private final int attempts;

    Users(String address, long timeout, int attempts) {
        this.address = address;
        this.timeout = timeout;
        this.attempts = attempts;
        client = HttpClient.newBuilder().connectTimeout(Duration.ofMillis(timeout)).build();
    }

    boolean has(String id, String requestId) throws Unavailable, InterruptedException {
        String name = URLEncoder.encode(id, StandardCharsets.UTF_8).replace("+", "%20");
        HttpRequest request = HttpRequest.newBuilder(URI.create(address + "/users/" + name))
            .header("X-Request-ID", requestId)
            .build();
        for (int attempt = 0; attempt < attempts; attempt++) {
            // The request's own timeout ends with the headers; this one is for the whole answer.
            CompletableFuture<HttpResponse<String>> asked =
                client.sendAsync(request, HttpResponse.BodyHandlers.ofString());
            try {
                HttpResponse<String> answer = asked.get(timeout, TimeUnit.MILLISECONDS);
                if (answer.statusCode() == 404) return false;
                if (answer.statusCode() == 200 && isUser(answer.body(), id)) return true;
            } catch (ExecutionException failed) {
                // refused, reset or cut off
            } catch (TimeoutException late) {
                asked.cancel(true);
            }
        }
        throw new Unavailable();
    }

    private static boolean isUser(String body, String id) {
        try {
            return Json.read(body) instanceof Map<?, ?> user
                && id.equals(user.get("id"))
                && user.get("name") instanceof String
                && user.get("email") instanceof String;
        } catch (Json.Bad nonsense) {
            return false;
        }
    }
}
