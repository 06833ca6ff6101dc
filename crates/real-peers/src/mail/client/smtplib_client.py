"""Submits one mail with smtplib: the order is JSON on standard input, the answer JSON on standard output."""

import json
import smtplib
import ssl
import sys

order = json.load(sys.stdin)
answer = {"accepted": False, "refusals": []}

# smtplib checks the name that it connected to, which here is an address the certificate has too.
trusted = ssl.create_default_context(cadata=order["certificate"]) if order["certificate"] else None
options = {"local_hostname": "app.client.test", "timeout": 60}


def connect():
    if order["from_the_start"]:
        return smtplib.SMTP_SSL(order["host"], order["port"], context=trusted, **options)
    return smtplib.SMTP(order["host"], order["port"], **options)


with connect() as client:
    client.set_debuglevel(1)  # the transcript, on standard error
    if trusted and not order["from_the_start"]:
        client.starttls(context=trusted)
    try:
        if order["user"]:
            client.ehlo_or_helo_if_needed()
            client.user, client.password = order["user"], order["password"]
            client.auth("PLAIN", client.auth_plain)
        refused = client.sendmail(
            order["sender"], order["recipients"], order["message"].encode("latin-1")
        )
        answer["accepted"] = True
        answer["refusals"] = [code for code, _ in refused.values()]
    except smtplib.SMTPRecipientsRefused as error:
        answer["refusals"] = [code for code, _ in error.recipients.values()]
    except smtplib.SMTPResponseException as error:
        answer["refusals"] = [error.smtp_code]

json.dump(answer, sys.stdout)
