import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** As much JSON as a service needs: objects are Maps, arrays Lists, whole numbers Longs, other numbers Doubles. */
final class Json {
    static final class Bad extends RuntimeException {
        Bad() {
            super("no JSON");
        }
    }

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    static Object read(String text) {
        Json json = new Json(text);
        Object value = json.value(0);
        json.space();
        if (json.at < text.length()) throw new Bad();
        return value;
    }

    private Object value(int depth) {
        if (depth > 50) throw new Bad();
        space();
        switch (peek()) {
            case '{': {
                Map<String, Object> object = new LinkedHashMap<>();
                at++;
                for (space(); peek() != '}'; space()) {
                    if (!object.isEmpty()) expect(',');
                    space();
                    String key = string();
                    space();
                    expect(':');
                    object.put(key, value(depth + 1));
                }
                at++;
                return object;
            }
            case '[': {
                List<Object> array = new ArrayList<>();
                at++;
                for (space(); peek() != ']'; space()) {
                    if (!array.isEmpty()) expect(',');
                    array.add(value(depth + 1));
                }
                at++;
                return array;
            }
            case '"':
                return string();
            default:
                return word();
        }
    }

    private Object word() {
        int from = at;
        while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) at++;
        String word = text.substring(from, at);
        switch (word) {
            case "null":
                return null;
            case "true":
                return true;
            case "false":
                return false;
            default:
                try {
                    if (word.matches("-?\\d{1,18}")) return Long.valueOf(word);
                    return Double.valueOf(word);
                } catch (NumberFormatException no) {
                    throw new Bad();
                }
        }
    }

    private String string() {
        expect('"');
        StringBuilder found = new StringBuilder();
        while (peek() != '"') {
            char next = text.charAt(at++);
            if (next != '\\') {
                found.append(next);
                continue;
            }
            char escape = peek();
            at++;
            switch (escape) {
                case 'u':
                    if (at + 4 > text.length()) throw new Bad();
                    try {
                        found.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                    } catch (NumberFormatException no) {
                        throw new Bad();
                    }
                    at += 4;
                    break;
                case 'n': found.append('\n'); break;
                case 't': found.append('\t'); break;
                case 'r': found.append('\r'); break;
                case 'b': found.append('\b'); break;
                case 'f': found.append('\f'); break;
                default: found.append(escape);
            }
        }
        at++;
        return found.toString();
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }

    private char peek() {
        if (at >= text.length()) throw new Bad();
        return text.charAt(at);
    }

    private void expect(char wanted) {
        if (peek() != wanted) throw new Bad();
        at++;
    }

    static String write(Object value) {
        if (value instanceof Map<?, ?> object) {
            List<String> fields = new ArrayList<>();
            object.forEach((key, one) -> fields.add(quoted(key.toString()) + ": " + write(one)));
            return "{" + String.join(", ", fields) + "}";
        }
        if (value instanceof List<?> array) return "[" + String.join(", ", array.stream().map(Json::write).toList()) + "]";
        return value instanceof String text ? quoted(text) : String.valueOf(value);
    }

    private static String quoted(String text) {
        StringBuilder found = new StringBuilder("\"");
        for (char one : text.toCharArray()) {
            if (one == '"' || one == '\\') found.append('\\').append(one);
            else if (one < ' ') found.append(String.format("\\u%04x", (int) one));
            else found.append(one);
        }
        return found.append('"').toString();
    }
}
