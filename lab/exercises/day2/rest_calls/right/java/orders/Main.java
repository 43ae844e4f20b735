import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Orders with the JDK alone. */
final class Main {
    private record Answer(int status, Object body) {}

    private final Store store;
    private final Users users;

    private Main(Store store, Users users) {
        this.store = store;
        this.users = users;
    }

    public static void main(String[] words) throws IOException {
        Map<String, String> env = System.getenv();
        Store store = new Store(Path.of(env.get("DATABASE_URL").substring("sqlite:///".length()) + ".journal"));
        Users users = new Users(
            env.get("USERS_URL"),
            Long.parseLong(env.getOrDefault("HTTP_TIMEOUT_MS", "500")),
            Integer.parseInt(env.getOrDefault("RETRY_ATTEMPTS", "1")));
        InetSocketAddress address = new InetSocketAddress(env.get("HOST"), Integer.parseInt(env.get("PORT")));
        HttpServer server = HttpServer.create(address, 256);
        ExecutorService threads = Executors.newFixedThreadPool(32);
        server.setExecutor(threads);
        server.createContext("/", new Main(store, users)::handle);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(3)));
        server.start();
    }

    private void handle(HttpExchange exchange) throws IOException {
        String requestId = exchange.getRequestHeaders().getFirst("X-Request-ID");
        if (requestId == null) requestId = UUID.randomUUID().toString();
        exchange.getResponseHeaders().set("X-Request-ID", requestId);
        Answer answer;
        try {
            answer = answer(exchange, requestId);
        } catch (Users.Unavailable unavailable) {
            exchange.getResponseHeaders().set("Retry-After", "1");
            answer = problem(503, "users_unavailable");
        } catch (Exception broken) {
            answer = problem(500, "internal");
        }
        boolean good = answer.status < 400;
        exchange.getResponseHeaders().set("Content-Type", good ? "application/json" : "application/problem+json");
        byte[] body = Json.write(answer.body).getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(answer.status, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
        System.out.println(Json.write(fields(
            "ts", Instant.now().toString(), "level", "info", "service", "orders",
            "msg", exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath(),
            "request_id", requestId, "status", (long) answer.status)));
    }

    private Answer answer(HttpExchange exchange, String requestId) throws Exception {
        String path = exchange.getRequestURI().getPath(), method = exchange.getRequestMethod();
        if (path.equals("/healthz") || path.equals("/readyz")) {
            return new Answer(200, fields("status", "ready", "checks", Map.of()));
        }
        if (path.equals("/orders") && method.equals("POST")) {
            return create(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8), requestId);
        }
        if (path.equals("/orders") && method.equals("GET")) {
            return new Answer(200, fields("items", store.of(query(exchange, "user_id"))));
        }
        if (path.startsWith("/orders/") && method.equals("GET")) {
            Map<String, Object> order = store.find(path.substring("/orders/".length()));
            return order == null ? problem(404, "unknown_order") : new Answer(200, order);
        }
        return problem(404, "not_found");
    }

    private Answer create(String body, String requestId) throws Exception {
        List<Object> items = new ArrayList<>();
        long total = 0;
        String user = null;
        try {
            if (Json.read(body) instanceof Map<?, ?> sent
                && sent.get("user_id") instanceof String named
                && sent.get("items") instanceof List<?> wanted) {
                user = named;
                for (Object one : wanted) {
                    if (!(one instanceof Map<?, ?> item)
                        || !(item.get("sku") instanceof String sku)
                        || !(item.get("qty") instanceof Long qty) || qty <= 0 || qty > 1_000_000
                        || !(item.get("price") instanceof Long price) || price < 0 || price > 1_000_000_000_000L) {
                        return problem(422, "bad_item");
                    }
                    items.add(fields("sku", sku, "qty", qty, "price", price));
                    total = Math.addExact(total, Math.multiplyExact(qty, price));
                }
            }
        } catch (Json.Bad | ArithmeticException nonsense) {
            return problem(400, "bad_json");
        }
        if (user == null || items.isEmpty()) return problem(422, "bad_order");
        if (!users.has(user, requestId)) return problem(422, "unknown_user");
        Map<String, Object> order = fields(
            "id", UUID.randomUUID().toString(), "user_id", user, "items", items, "total", total,
            "status", "created", "created_at", Instant.now().toString());
        store.add(order);
        return new Answer(201, order);
    }

    private static Answer problem(int status, String code) {
        return new Answer(status, fields("title", code, "status", (long) status, "code", code));
    }

    private static String query(HttpExchange exchange, String name) {
        String query = exchange.getRequestURI().getRawQuery();
        for (String pair : query == null ? new String[0] : query.split("&")) {
            if (pair.startsWith(name + "=")) {
                return URLDecoder.decode(pair.substring(name.length() + 1), StandardCharsets.UTF_8);
            }
        }
        return "";
    }

    private static Map<String, Object> fields(Object... pairs) {
        Map<String, Object> found = new LinkedHashMap<>();
        for (int at = 0; at < pairs.length; at += 2) found.put((String) pairs[at], pairs[at + 1]);
        return found;
    }
}
