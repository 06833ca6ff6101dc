"""Holds one dialogue with python-ldap: the order is JSON on standard input, the answers JSON on standard output."""

import json
import os
import sys
import tempfile

import ldap
import ldap.sasl
from ldap.controls.libldap import SimplePagedResultsControl
from ldap.controls.sss import SSSRequestControl
from ldap.syncrepl import SyncInfoMessage, SyncRequestControl

SCOPES = {
    "base": ldap.SCOPE_BASE,
    "one": ldap.SCOPE_ONELEVEL,
    "subtree": ldap.SCOPE_SUBTREE,
    "children": ldap.SCOPE_SUBORDINATE,
}
# What Cyrus SASL is to negotiate: the strength of its layer, in bits; 1 is a signature alone.
LAYERS = {
    "none": "none,maxssf=0",
    "integrity": "none,minssf=1,maxssf=1",
    "confidentiality": "none,minssf=56",
}


def code_of(call):
    """The result code that the server answered `call` with."""
    try:
        call()
    except ldap.LDAPError as error:
        code = (error.args[0] if error.args else {}).get("result")
        # Negative codes are libldap's own: nobody answered.
        if code is None or code < 0:
            raise
        return code
    return 0


def connect(order):
    scheme = "ldaps" if order["security"] == "ldaps" else "ldap"
    # In place of localhost libldap would look for this machine's own name in the certificate.
    host = "127.0.0.1" if order["certificate"] else order["host"]
    connection = ldap.initialize(f"{scheme}://{host}:{order['port']}")
    connection.set_option(ldap.OPT_REFERRALS, 0)
    # The server is called what it is called here, whatever its address is called elsewhere.
    connection.set_option(ldap.OPT_X_SASL_NOCANON, 1)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 60)
    connection.set_option(ldap.OPT_TIMEOUT, 60)
    if order["certificate"]:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(order["certificate"])
            file.flush()
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, file.name)
            connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
            # This is what reads the file.
            connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    if order["security"] == "start_tls":
        connection.start_tls_s()
    return connection


def bind(connection, login):
    """The result code of a login, or None without one."""
    kind = login["kind"]
    if kind == "none":
        return None
    if kind == "anonymous":
        return code_of(lambda: connection.simple_bind_s("", ""))
    if kind == "unauthenticated":
        return code_of(lambda: connection.simple_bind_s(login["dn"], ""))
    if kind == "simple":
        return code_of(lambda: connection.simple_bind_s(login["dn"], login["password"]))
    connection.set_option(ldap.OPT_X_SASL_SECPROPS, LAYERS[login["protection"]])
    if kind == "gssapi":
        return code_of(lambda: connection.sasl_interactive_bind_s("", ldap.sasl.gssapi()))
    answers = {ldap.sasl.CB_AUTHNAME: login["user"], ldap.sasl.CB_PASS: login["password"]}
    return code_of(
        lambda: connection.sasl_interactive_bind_s("", ldap.sasl.sasl(answers, login["mechanism"]))
    )


def begin(connection, search, controls):
    return connection.search_ext(
        search["base"],
        SCOPES[search["scope"]],
        search["filter"],
        search["attributes"] or None,
        serverctrls=controls,
        timeout=search["time_limit"] or -1,
        sizelimit=search["size_limit"],
    )


def collect(connection, message, answer):
    """Reads a search to its end; returns its controls. Counts into `answer`."""
    controls = []

    def read():
        while True:
            kind, data, _, found = connection.result3(message, all=0)
            if kind == ldap.RES_SEARCH_ENTRY:
                answer["entries"] += len(data)
            elif kind == ldap.RES_SEARCH_REFERENCE:
                answer["references"] += len(data)
            elif kind == ldap.RES_SEARCH_RESULT:
                controls.extend(found)
                return

    answer["code"] = code_of(read)
    return controls


def search(connection, order):
    answer = {"entries": 0, "references": 0, "pages": 0}
    controls = [SSSRequestControl(ordering_rules=[order["sort_by"] + ":2.5.13.3"])] if order["sort_by"] else []
    if not order["page_size"]:
        collect(connection, begin(connection, order, controls), answer)
        return answer
    page = SimplePagedResultsControl(True, order["page_size"], "")
    while True:
        found = collect(connection, begin(connection, order, controls + [page]), answer)
        answer["pages"] += 1
        cookies = [one.cookie for one in found if one.controlType == page.controlType]
        if not cookies or not cookies[0]:
            return answer
        page.cookie = cookies[0]


def searches_at_once(connection, orders):
    messages = [begin(connection, order, []) for order in orders]
    answers = [{"entries": 0, "references": 0} for _ in orders]
    for message, answer in zip(messages, answers):
        collect(connection, message, answer)
    return answers


def watch(connection, order):
    """Lets a search stay open until it has brought what is there, and revokes it."""
    message = connection.search_ext(
        order["base"], ldap.SCOPE_SUBTREE, "(objectClass=*)",
        serverctrls=[SyncRequestControl(mode="refreshAndPersist")],
    )
    answer = {"entries": 0}
    complete = False
    while not complete:
        kind, data, *_ = connection.result4(message, all=0, add_ctrls=1, add_intermediates=1)
        if kind == ldap.RES_SEARCH_ENTRY:
            answer["entries"] += len(data)
        elif kind == ldap.RES_INTERMEDIATE:
            for _, value, _ in data:
                told = SyncInfoMessage(value)
                complete = complete or any(
                    part and part["refreshDone"] for part in (told.refreshDelete, told.refreshPresent)
                )
    if order["revocation"] == "abandon":
        connection.abandon_ext(message)
        return answer
    cancelled = connection.cancel(message)

    def read():
        while connection.result3(message, all=0)[0] != ldap.RES_SEARCH_RESULT:
            pass

    answer["code"] = code_of(read)
    connection.extop_result(cancelled)
    return answer


def who_am_i(connection):
    told = []
    code = code_of(lambda: told.append(connection.whoami_s()))
    return {"code": code, "identity": told[0] if told else None}


def change(connection, order):
    """An operation that is answered by a code and nothing else."""
    kind, dn = order["kind"], order["dn"]
    if kind == "compare":
        # It raises in any case: 5 and 6 are codes like others to it.
        call = lambda: connection.result3(
            connection.compare_ext(dn, order["attribute"], order["value"].encode())
        )
    elif kind == "add":
        entry = [(name, [value.encode() for value in values]) for name, values in order["attributes"]]
        call = lambda: connection.add_s(dn, entry)
    elif kind == "replace":
        values = [value.encode() for value in order["values"]]
        call = lambda: connection.modify_s(dn, [(ldap.MOD_REPLACE, order["attribute"], values)])
    elif kind == "rename":
        call = lambda: connection.rename_s(dn, order["new_rdn"])
    elif kind == "delete":
        call = lambda: connection.delete_s(dn)
    else:
        call = lambda: connection.passwd_s(dn, order["old"], order["new"])
    return {"code": code_of(call)}


def ask(connection, request):
    """One request; the list of its answers."""
    kind = request["kind"]
    if kind == "bind":
        return [{"code": bind(connection, request["login"])}]
    if kind == "search":
        return [search(connection, request)]
    if kind == "searches_at_once":
        return searches_at_once(connection, request["searches"])
    if kind == "watch":
        return [watch(connection, request)]
    if kind == "who_am_i":
        return [who_am_i(connection)]
    return [change(connection, request)]


order = json.load(sys.stdin)
connection = connect(order)
report = {"bind": bind(connection, order["login"]), "answers": []}
if not report["bind"]:
    for request in order["requests"]:
        report["answers"] += ask(connection, request)
if order["farewell"] == "unbind":
    connection.unbind_s()
json.dump(report, sys.stdout)
sys.stdout.flush()
# Not sys.exit: to clean up the connection would unbind.
os._exit(0)
