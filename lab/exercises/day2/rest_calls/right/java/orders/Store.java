import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Orders in memory, and each in a journal on disk before anybody hears of it. */
final class Store {
    private final Map<String, Map<String, Object>> orders = new LinkedHashMap<>();
    private final FileChannel journal;

    @SuppressWarnings("unchecked")
    Store(Path path) throws IOException {
        journal = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ);
        long sound = 0;
        String text = Files.readString(path, StandardCharsets.ISO_8859_1);
        for (int end; (end = text.indexOf('\n', (int) sound)) >= 0; sound = end + 1) {
            byte[] line = text.substring((int) sound, end).getBytes(StandardCharsets.ISO_8859_1);
            Map<String, Object> order = (Map<String, Object>) Json.read(new String(line, StandardCharsets.UTF_8));
            orders.put((String) order.get("id"), order);
        }
        journal.truncate(sound); // what was cut off was never answered
        journal.position(sound);
    }

    synchronized void add(Map<String, Object> order) throws IOException {
        ByteBuffer line = ByteBuffer.wrap((Json.write(order) + "\n").getBytes(StandardCharsets.UTF_8));
        while (line.hasRemaining()) journal.write(line);
        journal.force(false);
        orders.put((String) order.get("id"), order);
    }

    synchronized Map<String, Object> find(String id) {
        return orders.get(id);
    }

    synchronized List<Map<String, Object>> of(String user) {
        return orders.values().stream().filter(order -> order.get("user_id").equals(user)).toList();
    }
}
