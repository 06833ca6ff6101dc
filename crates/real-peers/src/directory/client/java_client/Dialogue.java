import com.unboundid.util.json.*;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.*;
import javax.net.ssl.*;

/** Holds one dialogue: the order is JSON on standard input, the answers JSON on standard output. */
public final class Dialogue {
    /** An LDAP library. */
    interface Client {
        /** The result code of a login, or null without one. */
        Integer bind(Order login) throws Exception;

        /** One request; its answers. */
        List<Answer> ask(Order request) throws Exception;

        void unbind() throws Exception;
    }

    /** An object of the order. */
    record Order(JSONObject json) {
        boolean has(String name) {
            return json.getField(name) != null && !(json.getField(name) instanceof JSONNull);
        }

        String text(String name) {
            return json.getFieldAsString(name);
        }

        int number(String name) {
            return has(name) ? json.getFieldAsInteger(name) : 0;
        }

        Order part(String name) {
            return new Order(json.getFieldAsObject(name));
        }

        List<Order> parts(String name) {
            return json.getFieldAsArray(name).stream().map(part -> new Order((JSONObject) part)).toList();
        }

        String[] texts(String name) {
            return texts(json.getFieldAsArray(name));
        }

        /** An entry's attributes: pairs of a name and its values. */
        Map<String, String[]> attributes() {
            var attributes = new LinkedHashMap<String, String[]>();
            for (var pair : json.getFieldAsArray("attributes")) {
                var values = ((JSONArray) pair).getValues();
                attributes.put(((JSONString) values.get(0)).stringValue(), texts(((JSONArray) values.get(1)).getValues()));
            }
            return attributes;
        }

        private static String[] texts(List<JSONValue> values) {
            return values.stream().map(value -> ((JSONString) value).stringValue()).toArray(String[]::new);
        }
    }

    /** What came of one request; null where that says nothing. */
    static final class Answer {
        Integer code;
        long entries;
        long references;
        long pages;
        String identity;

        static Answer of(int code) {
            var answer = new Answer();
            answer.code = code;
            return answer;
        }

        JSONObject json() {
            var fields = new LinkedHashMap<String, JSONValue>();
            fields.put("code", orNull(code));
            fields.put("entries", new JSONNumber(entries));
            fields.put("references", new JSONNumber(references));
            fields.put("pages", new JSONNumber(pages));
            fields.put("identity", identity == null ? JSONNull.NULL : new JSONString(identity));
            return new JSONObject(fields);
        }
    }

    static JSONValue orNull(Integer number) {
        return number == null ? JSONNull.NULL : new JSONNumber(number.longValue());
    }

    /** TLS that trusts the order's certificate and no other. */
    static SSLContext tls(Order order) throws Exception {
        var pem = new ByteArrayInputStream(order.text("certificate").getBytes(StandardCharsets.US_ASCII));
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        var context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    /** Runs `action` with the Kerberos tickets in the order's cache, if it names one. */
    static <T> T withTickets(Order order, java.util.concurrent.Callable<T> action) throws Exception {
        if (!order.has("ticket_cache")) {
            return action.call();
        }
        var options = Map.of(
            "useTicketCache", "true", "ticketCache", order.text("ticket_cache"), "doNotPrompt", "true");
        var module = new javax.security.auth.login.AppConfigurationEntry(
            "com.sun.security.auth.module.Krb5LoginModule",
            javax.security.auth.login.AppConfigurationEntry.LoginModuleControlFlag.REQUIRED, options);
        var configuration = new javax.security.auth.login.Configuration() {
            @Override
            public javax.security.auth.login.AppConfigurationEntry[] getAppConfigurationEntry(String name) {
                return new javax.security.auth.login.AppConfigurationEntry[] {module};
            }
        };
        var login = new javax.security.auth.login.LoginContext("tickets", null, null, configuration);
        login.login();
        java.security.PrivilegedExceptionAction<T> privileged = action::call;
        return javax.security.auth.Subject.doAs(login.getSubject(), privileged);
    }

    public static void main(String[] arguments) throws Exception {
        var order = new Order(new JSONObject(new String(System.in.readAllBytes(), StandardCharsets.UTF_8)));
        var report = withTickets(order, () -> hold(arguments[0], order));
        System.out.println(report);
        System.out.flush();
        // Not exit: that would run what a library has registered to tidy up its connections.
        Runtime.getRuntime().halt(0);
    }

    static JSONObject hold(String library, Order order) throws Exception {
        Client client = library.equals("jndi") ? new JndiClient(order) : new UnboundIdClient(order);
        var code = client.bind(order.part("login"));
        var answers = new ArrayList<JSONValue>();
        if (code == null || code == 0) {
            for (var request : order.parts("requests")) {
                client.ask(request).forEach(answer -> answers.add(answer.json()));
            }
        }
        if (order.text("farewell").equals("unbind")) {
            client.unbind();
        }
        return new JSONObject(Map.of("bind", orNull(code), "answers", new JSONArray(answers)));
    }
}
