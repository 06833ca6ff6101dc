import com.unboundid.ldap.sdk.extensions.PasswordModifyExtendedRequest;
import com.unboundid.ldap.sdk.extensions.WhoAmIExtendedRequest;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.regex.Pattern;
import javax.naming.*;
import javax.naming.directory.*;
import javax.naming.ldap.*;
import javax.net.ssl.SSLContext;

/** JNDI, the LDAP client that Java brings along. */
final class JndiClient implements Dialogue.Client {
    private final InitialLdapContext context;

    JndiClient(Dialogue.Order order) throws Exception {
        var security = order.text("security");
        if (order.has("certificate")) {
            SSLContext.setDefault(Dialogue.tls(order));
        }
        var scheme = security.equals("ldaps") ? "ldaps" : "ldap";
        var environment = new Hashtable<String, Object>();
        environment.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
        environment.put(Context.PROVIDER_URL, scheme + "://" + order.text("host") + ":" + order.number("port"));
        // Without it JNDI binds at once, to find out which version the server speaks.
        environment.put("java.naming.ldap.version", "3");
        // References are to be reported. To ignore them JNDI would ask to see them as entries (RFC 3296).
        environment.put(Context.REFERRAL, "throw");
        environment.put("com.sun.jndi.ldap.connect.timeout", "60000");
        environment.put("com.sun.jndi.ldap.read.timeout", "60000");
        context = new InitialLdapContext(environment, null);
        if (security.equals("start_tls")) {
            ((StartTlsResponse) context.extendedOperation(new StartTlsRequest())).negotiate();
        }
    }

    @Override
    public Integer bind(Dialogue.Order login) throws Exception {
        var kind = login.text("kind");
        if (kind.equals("none")) {
            return null;
        }
        switch (kind) {
            case "anonymous" -> credentials("none", null, null);
            case "unauthenticated" -> credentials("simple", login.text("dn"), "");
            case "simple" -> credentials("simple", login.text("dn"), login.text("password"));
            case "gssapi" -> credentials("GSSAPI", null, null);
            default -> credentials(login.text("mechanism"), login.text("user"), login.text("password"));
        }
        if (login.has("protection")) {
            context.addToEnvironment("javax.security.sasl.qop", switch (login.text("protection")) {
                case "integrity" -> "auth-int";
                case "confidentiality" -> "auth-conf";
                default -> "auth";
            });
            // For DIGEST-MD5: of its ciphers Java would take 3DES first, which Cyrus SASL offers and, built with
            // OpenSSL 3, cannot do. The low ones are RC4 alone.
            context.addToEnvironment("javax.security.sasl.strength", "low");
        }
        return codeOf(() -> context.reconnect(null));
    }

    private void credentials(String mechanism, String principal, String password) throws NamingException {
        context.addToEnvironment(Context.SECURITY_AUTHENTICATION, mechanism);
        for (var pair : Arrays.asList(
                new AbstractMap.SimpleEntry<>(Context.SECURITY_PRINCIPAL, principal),
                new AbstractMap.SimpleEntry<>(Context.SECURITY_CREDENTIALS, password))) {
            if (pair.getValue() == null) {
                context.removeFromEnvironment(pair.getKey());
            } else {
                context.addToEnvironment(pair.getKey(), pair.getValue());
            }
        }
    }

    private interface Call {
        void run() throws NamingException;
    }

    /** JNDI gives the result code in the text of its exceptions only. */
    private static final Pattern CODE = Pattern.compile("\\[LDAP: error code (\\d+) ");

    private static int codeOf(Call call) throws NamingException {
        try {
            call.run();
            return 0;
        } catch (NamingException error) {
            var code = CODE.matcher(String.valueOf(error.getMessage()));
            if (!code.find()) {
                throw error;
            }
            return Integer.parseInt(code.group(1));
        }
    }

    @Override
    public List<Dialogue.Answer> ask(Dialogue.Order request) throws Exception {
        return switch (request.text("kind")) {
            case "bind" -> List.of(Dialogue.Answer.of(bind(request.part("login"))));
            case "search" -> List.of(search(request));
            case "searches_at_once" -> searchesAtOnce(request.parts("searches"));
            case "compare" -> List.of(compare(request));
            case "who_am_i" -> List.of(whoAmI());
            default -> List.of(Dialogue.Answer.of(change(request)));
        };
    }

    private static Name name(String dn) throws NamingException {
        return new LdapName(dn);
    }

    private NamingEnumeration<SearchResult> begin(Dialogue.Order order) throws NamingException {
        var controls = new SearchControls();
        controls.setSearchScope(switch (order.text("scope")) {
            case "base" -> SearchControls.OBJECT_SCOPE;
            case "one" -> SearchControls.ONELEVEL_SCOPE;
            default -> SearchControls.SUBTREE_SCOPE;
        });
        controls.setCountLimit(order.number("size_limit"));
        controls.setTimeLimit(order.number("time_limit") * 1000);
        var attributes = order.texts("attributes");
        controls.setReturningAttributes(attributes.length == 0 ? null : attributes);
        return context.search(name(order.text("base")), order.text("filter"), controls);
    }

    /** Reads what `results` still holds, into `answer`. */
    private static void drain(NamingEnumeration<SearchResult> results, Dialogue.Answer answer) throws NamingException {
        answer.code = codeOf(() -> {
            try {
                while (results.hasMore()) {
                    results.next();
                    answer.entries++;
                }
            } catch (ReferralException reference) {
                do {
                    answer.references++;
                } while (reference.skipReferral());
            }
        });
        results.close();
    }

    private Dialogue.Answer search(Dialogue.Order order) throws Exception {
        var answer = new Dialogue.Answer();
        byte[] cookie = null;
        do {
            var controls = new ArrayList<Control>();
            if (order.has("sort_by")) {
                var key = new SortKey(order.text("sort_by"), true, "2.5.13.3");
                controls.add(new SortControl(new SortKey[] {key}, Control.NONCRITICAL));
            }
            if (order.has("page_size")) {
                controls.add(new PagedResultsControl(order.number("page_size"), cookie, Control.CRITICAL));
                answer.pages++;
            }
            context.setRequestControls(controls.toArray(new Control[0]));
            NamingEnumeration<SearchResult>[] results = enumerations(1);
            answer.code = codeOf(() -> results[0] = begin(order));
            cookie = null;
            if (results[0] != null) {
                drain(results[0], answer);
                cookie = cookie(context.getResponseControls());
            }
        } while (cookie != null);
        context.setRequestControls(null);
        return answer;
    }

    private static byte[] cookie(Control[] controls) {
        for (var control : controls == null ? new Control[0] : controls) {
            if (control instanceof PagedResultsResponseControl page) {
                return page.getCookie();
            }
        }
        return null;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static NamingEnumeration<SearchResult>[] enumerations(int count) {
        return new NamingEnumeration[count];
    }

    private List<Dialogue.Answer> searchesAtOnce(List<Dialogue.Order> orders) throws NamingException {
        var answers = new ArrayList<Dialogue.Answer>();
        var results = enumerations(orders.size());
        for (var place = 0; place < results.length; place++) {
            var at = place;
            answers.add(Dialogue.Answer.of(codeOf(() -> results[at] = begin(orders.get(at)))));
        }
        for (var place = 0; place < results.length; place++) {
            if (results[place] != null) {
                drain(results[place], answers.get(place));
            }
        }
        return answers;
    }

    /** A search in just this form is a comparison to JNDI. */
    private Dialogue.Answer compare(Dialogue.Order order) throws NamingException {
        var controls = new SearchControls();
        controls.setSearchScope(SearchControls.OBJECT_SCOPE);
        controls.setReturningAttributes(new String[0]);
        var equal = new boolean[1];
        var answer = new Dialogue.Answer();
        answer.code = codeOf(() -> {
            var filter = "(" + order.text("attribute") + "={0})";
            var value = new Object[] {order.text("value")};
            var results = context.search(name(order.text("dn")), filter, value, controls);
            equal[0] = results.hasMore();
            // What is not closed counts as a user of the connection: JNDI would make a new one to log in anew.
            results.close();
        });
        return answer.code == 0 ? Dialogue.Answer.of(equal[0] ? 6 : 5) : answer;
    }

    /** An extended operation that JNDI does not know: the octets of its value, there and back. */
    private static final class Operation implements ExtendedRequest {
        private static final long serialVersionUID = 1;
        private final String oid;
        private final byte[] value;
        byte[] response;

        Operation(String oid, byte[] value) {
            this.oid = oid;
            this.value = value;
        }

        @Override
        public String getID() {
            return oid;
        }

        @Override
        public byte[] getEncodedValue() {
            return value;
        }

        @Override
        public ExtendedResponse createExtendedResponse(String id, byte[] octets, int offset, int length) {
            response = octets == null ? new byte[0] : Arrays.copyOfRange(octets, offset, offset + length);
            return null;
        }
    }

    private Dialogue.Answer whoAmI() throws NamingException {
        var operation = new Operation(WhoAmIExtendedRequest.WHO_AM_I_REQUEST_OID, null);
        var answer = Dialogue.Answer.of(codeOf(() -> context.extendedOperation(operation)));
        if (operation.response != null) {
            answer.identity = new String(operation.response, StandardCharsets.UTF_8);
        }
        return answer;
    }

    private int change(Dialogue.Order order) throws NamingException {
        var dn = name(order.text("dn"));
        switch (order.text("kind")) {
            case "add": {
                var attributes = new BasicAttributes();
                order.attributes().forEach((name, values) -> attributes.put(attribute(name, values)));
                return codeOf(() -> context.createSubcontext(dn, attributes).close());
            }
            case "replace": {
                var attribute = attribute(order.text("attribute"), order.texts("values"));
                var change = new ModificationItem(DirContext.REPLACE_ATTRIBUTE, attribute);
                return codeOf(() -> context.modifyAttributes(dn, new ModificationItem[] {change}));
            }
            case "rename": {
                var target = (LdapName) dn.getPrefix(dn.size() - 1);
                target.add(new Rdn(order.text("new_rdn")));
                return codeOf(() -> context.rename(dn, target));
            }
            case "delete":
                return codeOf(() -> context.destroySubcontext(dn));
            default: {
                var request = new PasswordModifyExtendedRequest(order.text("dn"), order.text("old"), order.text("new"));
                var operation = new Operation(request.getOID(), request.getValue().getValue());
                return codeOf(() -> context.extendedOperation(operation));
            }
        }
    }

    private static BasicAttribute attribute(String name, String[] values) {
        var attribute = new BasicAttribute(name);
        for (var value : values) {
            attribute.add(value);
        }
        return attribute;
    }

    @Override
    public void unbind() throws NamingException {
        context.close();
    }
}
