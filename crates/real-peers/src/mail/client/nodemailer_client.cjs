// Submits one mail with nodemailer: the order is JSON on standard input, the answer JSON on standard output.
const nodemailer = require("nodemailer");
const order = JSON.parse(require("fs").readFileSync(0, "utf8"));

const transport = nodemailer.createTransport({
  host: order.host,
  port: order.port,
  name: "app.client.test",
  secure: order.from_the_start,
  ignoreTLS: !order.certificate,
  requireTLS: Boolean(order.certificate) && !order.from_the_start,
  tls: { ca: order.certificate ?? undefined, servername: order.server_name },
  auth: order.user ? { type: "login", user: order.user, pass: order.password } : undefined,
  authMethod: "PLAIN",
});

const codes = (errors) => (errors ?? []).map((error) => error.responseCode);

transport
  .sendMail({
    envelope: { from: order.sender, to: order.recipients },
    raw: Buffer.from(order.message, "latin1"),
  })
  .then(
    (info) => ({ accepted: info.accepted.length > 0, refusals: codes(info.rejectedErrors) }),
    (error) => {
      if (!error.responseCode) throw error;
      const refusals = codes(error.rejectedErrors);
      return { accepted: false, refusals: refusals.length ? refusals : [error.responseCode] };
    },
  )
  .then((answer) => process.stdout.write(JSON.stringify(answer)));
