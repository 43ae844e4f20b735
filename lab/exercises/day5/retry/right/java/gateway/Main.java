import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The gateway on what the JDK has: HttpServer in front, HttpClient behind. */
public class Main {
    static final String USERS = System.getenv("USERS_URL");
    static final long HTTP_TIMEOUT = setting("HTTP_TIMEOUT_MS", 4000);
    static final long TOTAL_TIMEOUT = setting("TOTAL_TIMEOUT_MS", 8000);
    static final long ATTEMPTS = setting("RETRY_ATTEMPTS", 4);
    static final long BASE = setting("RETRY_BASE_MS", 200);
    static final long CAP = setting("RETRY_CAP_MS", 3000);
    static final Set<Integer> TEMPORARY = Set.of(429, 502, 503, 504);

    static final HttpClient client = HttpClient.newHttpClient();
    static final Budget budget = new Budget(setting("RETRY_BUDGET", 100));

    /** Retries that the process has left, in tenths: one request pays back a tenth. */
    static final class Budget {
        private final long size;
        private long tenths;

        Budget(long retries) {
            size = tenths = retries * 10;
        }

        synchronized void request() {
            tenths = Math.min(size, tenths + 1);
        }

        synchronized boolean take() {
            if (tenths < 10) {
                return false;
            }
            tenths -= 10;
            return true;
        }
    }

    static long setting(String name, long fallback) {
        String text = System.getenv(name);
        return text == null ? fallback : Long.parseLong(text);
    }

    static void log(String level, String message) {
        System.out.printf("{\"ts\":\"%s\",\"level\":\"%s\",\"service\":\"gateway\",\"msg\":\"%s\"}%n",
                Instant.now(), level, message.replace("\\", "\\\\").replace("\"", "\\\""));
    }

    /** One attempt: the answer, or none. The limit holds for the body, too, which HttpRequest.timeout does not bound. */
    static Optional<HttpResponse<byte[]>> call(String path, long limit) throws InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(USERS + path)).build();
        CompletableFuture<HttpResponse<byte[]>> answer =
                client.sendAsync(request, HttpResponse.BodyHandlers.ofByteArray());
        try {
            return Optional.of(answer.get(limit, TimeUnit.MILLISECONDS));
        } catch (TimeoutException late) {
            answer.cancel(true);
        } catch (ExecutionException failed) {
            log("warn", "users: " + failed.getCause());
        }
        return Optional.empty();
    }

    static boolean worthAnother(Optional<HttpResponse<byte[]>> answer) {
        return answer.isEmpty() || TEMPORARY.contains(answer.get().statusCode())
                && !answer.get().headers().firstValue("X-Should-Retry").equals(Optional.of("false"));
    }

    /** Full jitter, after what users asked for. */
    static long pause(int attempt, Optional<HttpResponse<byte[]>> answer) {
        long step = Math.min(CAP, BASE << Math.min(attempt - 1, 20));
        long asked = answer.flatMap(response -> response.headers().firstValue("Retry-After"))
                .filter(text -> text.matches("\\d{1,9}")).map(text -> Long.parseLong(text) * 1000).orElse(0L);
        return asked + ThreadLocalRandom.current().nextLong(step + 1);
    }

    static long now() {
        return System.nanoTime() / 1_000_000;
    }

    static Optional<HttpResponse<byte[]>> ask(String path) throws InterruptedException {
        long deadline = now() + TOTAL_TIMEOUT;
        budget.request();
        for (int attempt = 1;; attempt++) {
            Optional<HttpResponse<byte[]>> answer = call(path, Math.min(HTTP_TIMEOUT, deadline - now()));
            if (!worthAnother(answer) || attempt >= ATTEMPTS) {
                return answer;
            }
            long pause = pause(attempt, answer);
            if (now() + pause >= deadline || !budget.take()) {
                return answer;
            }
            Thread.sleep(pause);
        }
    }

    static void answer(HttpExchange exchange, int status, String type, byte[] body) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    static void json(HttpExchange exchange, int status, String type, String body) throws IOException {
        answer(exchange, status, type, body.getBytes(StandardCharsets.UTF_8));
    }

    static void user(HttpExchange exchange) throws IOException {
        try {
            Optional<HttpResponse<byte[]>> last = ask(exchange.getRequestURI().getRawPath());
            if (last.isEmpty() || last.get().statusCode() >= 500) {
                exchange.getResponseHeaders().set("X-Should-Retry", "false");
                json(exchange, 503, "application/problem+json",
                        "{\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"users_unavailable\"}");
                return;
            }
            HttpResponse<byte[]> response = last.get();
            if (response.statusCode() == 429) {
                exchange.getResponseHeaders().set("X-Should-Retry", "false");
            }
            response.headers().firstValue("Retry-After")
                    .ifPresent(value -> exchange.getResponseHeaders().set("Retry-After", value));
            answer(exchange, response.statusCode(),
                    response.headers().firstValue("Content-Type").orElse("application/octet-stream"), response.body());
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    public static void main(String[] arguments) throws IOException {
        HttpServer server = HttpServer.create(
                new InetSocketAddress(System.getenv("HOST"), Integer.parseInt(System.getenv("PORT"))), 128);
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/users/", Main::user);
        server.createContext("/healthz", exchange -> json(exchange, 200, "application/json", "{\"status\":\"alive\"}"));
        server.createContext("/readyz",
                exchange -> json(exchange, 200, "application/json", "{\"status\":\"ready\",\"checks\":{}}"));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(1)));
        server.start();
    }
}
