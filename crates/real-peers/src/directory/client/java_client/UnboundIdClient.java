import com.unboundid.asn1.ASN1OctetString;
import com.unboundid.ldap.sdk.*;
import com.unboundid.ldap.sdk.controls.*;
import com.unboundid.ldap.sdk.extensions.*;
import java.util.*;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The UnboundID LDAP SDK. */
final class UnboundIdClient implements Dialogue.Client {
    private final LDAPConnection connection;
    private final Dialogue.Order order;

    UnboundIdClient(Dialogue.Order order) throws Exception {
        this.order = order;
        var options = new LDAPConnectionOptions();
        options.setResponseTimeoutMillis(60_000);
        options.setBindWithDNRequiresPassword(false);
        var security = order.text("security");
        connection = security.equals("ldaps")
            ? new LDAPConnection(Dialogue.tls(order).getSocketFactory(), options)
            : new LDAPConnection(options);
        connection.connect(order.text("host"), order.number("port"));
        if (security.equals("start_tls")) {
            var result = connection.processExtendedOperation(new StartTLSExtendedRequest(Dialogue.tls(order)));
            if (result.getResultCode() != ResultCode.SUCCESS) {
                throw new LDAPException(result);
            }
        }
    }

    @Override
    public Integer bind(Dialogue.Order login) throws Exception {
        var request = switch (login.text("kind")) {
            case "none" -> null;
            case "anonymous" -> new SimpleBindRequest();
            case "unauthenticated" -> new SimpleBindRequest(login.text("dn"), "");
            case "simple" -> new SimpleBindRequest(login.text("dn"), login.text("password"));
            case "gssapi" -> gssapi(login);
            default -> sasl(login);
        };
        return request == null ? null : codeOf(() -> connection.bind(request));
    }

    private static List<SASLQualityOfProtection> protection(Dialogue.Order login) {
        return List.of(switch (login.text("protection")) {
            case "integrity" -> SASLQualityOfProtection.AUTH_INT;
            case "confidentiality" -> SASLQualityOfProtection.AUTH_CONF;
            default -> SASLQualityOfProtection.AUTH;
        });
    }

    /** The names are without the prefix of RFC 4513: Cyrus SASL takes them as they are. */
    private static BindRequest sasl(Dialogue.Order login) {
        var user = login.text("user");
        var password = login.text("password");
        switch (login.text("mechanism")) {
            case "PLAIN":
                return new PLAINBindRequest(user, password);
            case "CRAM-MD5":
                return new CRAMMD5BindRequest(user, password);
            case "DIGEST-MD5": {
                var properties = new DIGESTMD5BindRequestProperties(user, password);
                properties.setAllowedQoP(protection(login));
                return new DIGESTMD5BindRequest(properties);
            }
            case "SCRAM-SHA-1":
                return new SCRAMSHA1BindRequest(user, password);
            default:
                return new SCRAMSHA256BindRequest(user, password);
        }
    }

    private BindRequest gssapi(Dialogue.Order login) throws LDAPException {
        var properties = new GSSAPIBindRequestProperties(null, (String) null);
        properties.setUseTicketCache(true);
        properties.setRequireCachedCredentials(true);
        properties.setTicketCachePath(order.text("ticket_cache"));
        properties.setAllowedQoP(protection(login));
        return new GSSAPIBindRequest(properties);
    }

    private interface Call {
        void run() throws LDAPException;
    }

    private static int codeOf(Call call) throws LDAPException {
        try {
            call.run();
            return 0;
        } catch (LDAPException error) {
            var code = error.getResultCode();
            if (code.isClientSideResultCode()) {
                throw error;
            }
            return code.intValue();
        }
    }

    @Override
    public List<Dialogue.Answer> ask(Dialogue.Order request) throws Exception {
        return switch (request.text("kind")) {
            case "bind" -> List.of(Dialogue.Answer.of(bind(request.part("login"))));
            case "search" -> List.of(search(request));
            case "searches_at_once" -> searchesAtOnce(request.parts("searches"));
            case "watch" -> List.of(watch(request));
            case "who_am_i" -> List.of(whoAmI());
            default -> List.of(Dialogue.Answer.of(change(request)));
        };
    }

    private static SearchRequest searchRequest(Dialogue.Order order) throws LDAPException {
        var scope = switch (order.text("scope")) {
            case "base" -> SearchScope.BASE;
            case "one" -> SearchScope.ONE;
            case "children" -> SearchScope.SUBORDINATE_SUBTREE;
            default -> SearchScope.SUB;
        };
        return new SearchRequest(order.text("base"), scope, DereferencePolicy.NEVER, order.number("size_limit"),
            order.number("time_limit"), false, Filter.create(order.text("filter")), order.texts("attributes"));
    }

    private static Dialogue.Answer add(Dialogue.Answer answer, SearchResult result) {
        answer.code = result.getResultCode().intValue();
        answer.entries += result.getEntryCount();
        answer.references += result.getReferenceCount();
        return answer;
    }

    private SearchResult search(SearchRequest request) throws LDAPException {
        try {
            return connection.search(request);
        } catch (LDAPSearchException error) {
            if (error.getResultCode().isClientSideResultCode()) {
                throw error;
            }
            return error.getSearchResult();
        }
    }

    private Dialogue.Answer search(Dialogue.Order order) throws LDAPException {
        var answer = new Dialogue.Answer();
        var request = searchRequest(order);
        ASN1OctetString cookie = null;
        do {
            request.setControls();
            if (order.has("sort_by")) {
                var key = new SortKey(order.text("sort_by"), "2.5.13.3", false);
                request.addControl(new ServerSideSortRequestControl(false, key));
            }
            if (order.has("page_size")) {
                request.addControl(new SimplePagedResultsControl(order.number("page_size"), cookie, true));
                answer.pages++;
            }
            var result = search(request);
            add(answer, result);
            var page = SimplePagedResultsControl.get(result);
            cookie = page != null && page.moreResultsToReturn() ? page.getCookie() : null;
        } while (cookie != null);
        return answer;
    }

    private List<Dialogue.Answer> searchesAtOnce(List<Dialogue.Order> orders) throws Exception {
        var pending = new ArrayList<AsyncRequestID>();
        for (var order : orders) {
            var received = new Received();
            var request = searchRequest(order);
            pending.add(connection.asyncSearch(new SearchRequest(received, null, request.getBaseDN(),
                request.getScope(), request.getDereferencePolicy(), request.getSizeLimit(),
                request.getTimeLimitSeconds(), false, request.getFilter(), request.getAttributes())));
        }
        var answers = new ArrayList<Dialogue.Answer>();
        for (var id : pending) {
            answers.add(add(new Dialogue.Answer(), (SearchResult) id.get(60, TimeUnit.SECONDS)));
        }
        return answers;
    }

    /** Where the results of a search that nobody waits for come in. */
    private static final class Received implements AsyncSearchResultListener, IntermediateResponseListener {
        private static final long serialVersionUID = 1;
        final CountDownLatch refreshed = new CountDownLatch(1);
        volatile long entries;

        @Override
        public void searchEntryReturned(SearchResultEntry entry) {
            entries++;
        }

        @Override
        public void searchReferenceReturned(SearchResultReference reference) {}

        @Override
        public void searchResultReceived(AsyncRequestID id, SearchResult result) {}

        @Override
        public void intermediateResponseReturned(IntermediateResponse response) {
            try {
                var told = ContentSyncInfoIntermediateResponse.decode(response);
                if (told.refreshDone() && told.getType() != ContentSyncInfoType.NEW_COOKIE) {
                    refreshed.countDown();
                }
            } catch (LDAPException error) {
                throw new IllegalStateException(error);
            }
        }
    }

    private Dialogue.Answer watch(Dialogue.Order order) throws Exception {
        var received = new Received();
        var request = new SearchRequest(received, order.text("base"), SearchScope.SUB, "(objectClass=*)");
        request.setIntermediateResponseListener(received);
        request.addControl(new ContentSyncRequestControl(ContentSyncRequestMode.REFRESH_AND_PERSIST));
        var id = connection.asyncSearch(request);
        if (!received.refreshed.await(60, TimeUnit.SECONDS)) {
            throw new IllegalStateException("nobody said that the refresh is complete");
        }
        var answer = new Dialogue.Answer();
        answer.entries = received.entries;
        if (order.text("revocation").equals("abandon")) {
            connection.abandon(id);
            return answer;
        }
        var cancelled = connection.processExtendedOperation(new CancelExtendedRequest(id));
        // OpenLDAP answers success; other servers answer as they do to the search itself.
        if (cancelled.getResultCode() != ResultCode.SUCCESS && cancelled.getResultCode() != ResultCode.CANCELED) {
            throw new LDAPException(cancelled);
        }
        answer.code = id.get(60, TimeUnit.SECONDS).getResultCode().intValue();
        return answer;
    }

    private Dialogue.Answer whoAmI() throws LDAPException {
        var result = (WhoAmIExtendedResult) connection.processExtendedOperation(new WhoAmIExtendedRequest());
        var answer = Dialogue.Answer.of(result.getResultCode().intValue());
        answer.identity = result.getAuthorizationID();
        return answer;
    }

    private int change(Dialogue.Order order) throws LDAPException {
        var dn = order.text("dn");
        switch (order.text("kind")) {
            case "compare": {
                var request = new CompareRequest(dn, order.text("attribute"), order.text("value"));
                var equal = new boolean[1];
                var code = codeOf(() -> equal[0] = connection.compare(request).compareMatched());
                return code == 0 ? (equal[0] ? 6 : 5) : code;
            }
            case "add": {
                var attributes = new ArrayList<Attribute>();
                order.attributes().forEach((name, values) -> attributes.add(new Attribute(name, values)));
                return codeOf(() -> connection.add(dn, attributes));
            }
            case "replace": {
                var modification =
                    new Modification(ModificationType.REPLACE, order.text("attribute"), order.texts("values"));
                return codeOf(() -> connection.modify(dn, modification));
            }
            case "rename":
                return codeOf(() -> connection.modifyDN(dn, order.text("new_rdn"), true));
            case "delete":
                return codeOf(() -> connection.delete(dn));
            default: {
                var request = new PasswordModifyExtendedRequest(dn, order.text("old"), order.text("new"));
                return connection.processExtendedOperation(request).getResultCode().intValue();
            }
        }
    }

    @Override
    public void unbind() {
        connection.close();
    }
}
