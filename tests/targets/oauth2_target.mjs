// An authorization server and, behind mutual TLS, an inference server that verifies its tokens.
//
//     node oauth2_target.mjs MODULES FOLDER
//
// MODULES has oauth2-mock-server. FOLDER has ca.pem, server.pem and server-key.pem, and gets `resource-port`. Client `evidenced`
// with the secret `s3cr:t/of+the&client` gets tokens; it says "listening PORT" of the authorization server once both do.

import { createPublicKey, verify } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, folder] = process.argv.slice(2);
const { OAuth2Server, Events } = await import(pathToFileURL(path.join(modules, 'oauth2-mock-server/dist/index.mjs')));
const file = (name) => path.join(folder, name);

const server = new OAuth2Server();
await server.issuer.keys.generate('RS256');
await server.start(0, '127.0.0.1');

// The server of the package takes every client; this one asks for its secret, form-encoded as RFC 6749, 2.3.1 has it.
server.service.on(Events.BeforeResponse, (response, request) => {
  const [, pair] = (request.headers.authorization ?? '').split('Basic ');
  const [id, secret] = Buffer.from(pair ?? '', 'base64').toString().split(':');
  const known = id === 'evidenced' && decodeURIComponent(secret ?? '') === 's3cr:t/of+the&client';
  appendFileSync(file('tokens'), known ? 'given\n' : 'refused\n');
  if (known) {
    writeFileSync(file('newest-token'), response.body.access_token);
  } else {
    response.statusCode = 401;
    response.body = { error: 'invalid_client', error_description: `not ${secret}` };
  }
});

const jwks = server.issuer.keys.toJSON();

// By node's own cryptography, and not by the package that has signed.
function isGood(authorization) {
  const [head, claims, signature] = (authorization ?? '').replace('Bearer ', '').split('.');
  if (!signature) return false;
  const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());
  const key = jwks.find((one) => one.kid === decode(head).kid);
  const publicKey = createPublicKey({ key, format: 'jwk' });
  const signed = verify('RSA-SHA256', `${head}.${claims}`, publicKey, Buffer.from(signature, 'base64url'));
  const now = Date.now() / 1000;
  return signed && decode(claims).exp > now && String(decode(claims).scope).includes('models:ask');
}

const settings = {
  key: readFileSync(file('server-key.pem')),
  cert: readFileSync(file('server.pem')),
  ca: readFileSync(file('ca.pem')),
  requestCert: true,
  rejectUnauthorized: true,
};
const resource = https.createServer(settings, (request, response) => {
  let good = false;
  try {
    good = isGood(request.headers.authorization);
  } catch {
    // No token at all.
  }
  request.resume().on('end', () => {
    const said = `4, says ${request.socket.getPeerCertificate().subject.CN} with ${request.headers.authorization}`;
    const answer = { model: 'assistant', choices: [{ message: { content: said } }] };
    response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });
});
resource.listen(0, 'localhost', () => {
  writeFileSync(file('resource-port'), String(resource.address().port));
  console.log(`listening ${server.address().port}`);
});
