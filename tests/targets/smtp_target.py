"""A real SMTP server on the loopback, with STARTTLS and AUTH, that can be told to misbehave while it runs.

    smtp_target.py --certificates DIR --spool DIR [--port PORT] [--tls starttls|implicit|none] [--password-file FILE]

It says "listening PORT" once it does. A login is user "evidenced", password "correct horse", or what is in FILE; without STARTTLS (but for
--tls none) and without a login nothing is taken. Every accepted mail is SPOOL/NNNN.eml with its envelope in
SPOOL/NNNN.json; SPOOL/commands has every command of every client, a line each, without arguments of AUTH.

One word in SPOOL/mode says how it behaves from the next command on:

    ok              take everything
    greylist        451 to RCPT when sender and recipient come for the first time
    temp-mail       421 to MAIL, and close
    temp-rcpt       451 to RCPT
    temp-data       452 after DATA
    perm-mail       550 to MAIL
    perm-rcpt       550 to RCPT
    perm-data       554 after DATA
    too-big         552 after DATA
    partial         550 to RCPT for local parts that begin with "bad"
    drop-data       close in the middle of DATA
    drop-after-data take the mail, then close without an answer
    slow            a quarter of a second before every answer
    stall           no answer after DATA for local parts that begin with "stall"
    no-auth         535 to every AUTH
    tell-auth       535 to every AUTH, with the password in it
    tell-rcpt       550 to RCPT, with the password in it
    no-starttls     do not offer STARTTLS
    inject          be the thief on the way: write a whole conversation behind the answer to STARTTLS, take nothing
    garbage         greet with something that is not SMTP
"""

import argparse
import asyncio
import base64
import itertools
import json
import logging
import os
import pathlib
import signal
import ssl
import urllib.parse
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER = b"evidenced"


class Behaviour:
    """The mode, and what was seen and taken so far."""

    def __init__(self, spool, password):
        self.spool = spool
        self.password = password
        self.seen = set()
        self.numbers = itertools.count(len(list(spool.glob("*.eml"))))

    def told(self):
        """The password as a server may repeat it, that explains too much."""
        plain = self.password.decode()
        encoded = [base64.b64encode(text).decode() for text in (self.password, b"\0" + USER + b"\0" + self.password)]
        return " ".join([plain, urllib.parse.quote(plain, safe=""), *encoded])

    def mode(self):
        try:
            return (self.spool / "mode").read_text().strip()
        except FileNotFoundError:
            return "ok"

    def note(self, command):
        with open(self.spool / "commands", "a", encoding="ascii", errors="replace") as log:
            log.write(command + "\n")

    def keep(self, envelope, session, is_encrypted):
        name = f"{next(self.numbers):04}"
        facts = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": is_encrypted,
            "login": session.authenticated,
        }
        (self.spool / f"{name}.json").write_text(json.dumps(facts))
        hidden = self.spool / f".{name}"
        hidden.write_bytes(envelope.original_content)
        os.rename(hidden, self.spool / f"{name}.eml")


class Answers:
    """What is said to MAIL, RCPT and DATA."""

    def __init__(self, behaviour):
        self.behaviour = behaviour

    async def handle_MAIL(self, server, session, envelope, address, options):
        mode = self.behaviour.mode()
        if mode == "temp-mail":
            server.transport.write(b"421 4.3.2 shutting down\r\n")
            server.transport.close()
            return "421 4.3.2 shutting down"
        if mode == "perm-mail":
            return "550 5.7.1 this sender may not send"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 go on"

    async def handle_RCPT(self, server, session, envelope, address, options):
        mode = self.behaviour.mode()
        if mode == "temp-rcpt":
            return "451 4.3.0 try again later"
        if mode == "tell-rcpt":
            return f"550 5.7.1 you logged in with {self.behaviour.told()}"
        if mode == "perm-rcpt" or (mode == "partial" and address.startswith("bad")):
            return "550 5.1.1 no such mailbox"
        if mode == "greylist" and (envelope.mail_from, address) not in self.behaviour.seen:
            self.behaviour.seen.add((envelope.mail_from, address))
            return "451 4.7.1 greylisted, come back"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 go on"

    async def handle_DATA(self, server, session, envelope):
        mode = self.behaviour.mode()
        refusals = {
            "temp-data": "452 4.3.1 no room at present",
            "perm-data": "554 5.7.1 refused by policy",
            "too-big": "552 5.3.4 too big",
        }
        if mode in refusals:
            return refusals[mode]
        if mode == "stall" and envelope.rcpt_tos[0].startswith("stall"):
            await asyncio.sleep(3600)
        is_encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.behaviour.keep(envelope, session, is_encrypted)
        if mode == "drop-after-data":
            server.transport.abort()
        return "250 2.0.0 taken"


class Server(SMTP):
    def __init__(self, behaviour, **settings):
        super().__init__(Answers(behaviour), **settings)
        self.behaviour = behaviour

    def connection_made(self, transport):
        mode = self.behaviour.mode()
        if mode == "garbage":
            transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            transport.close()
            return
        if mode == "no-starttls":
            self.tls_context = None
            self.require_starttls = False
            self._auth_require_tls = False
        super().connection_made(transport)

    def connection_lost(self, error):
        if self.session is not None:
            super().connection_lost(error)

    async def _call_handler_hook(self, command, *args):
        self.behaviour.note(command)
        if self.behaviour.mode() == "slow":
            await asyncio.sleep(0.25)
        return await super()._call_handler_hook(command, *args)

    async def smtp_STARTTLS(self, argument):
        self.behaviour.note("STARTTLS")
        await super().smtp_STARTTLS(argument)

    async def push(self, status):
        if self.behaviour.mode() == "inject" and status.startswith("220 Ready"):
            answers = ["250-localhost", "250 AUTH PLAIN", "235 in", "250 go on", "250 go on", "354 go on", "250 taken"]
            status = "\r\n".join([status, *answers])
        await super().push(status)

    async def smtp_AUTH(self, argument):
        self.behaviour.note("AUTH")
        await super().smtp_AUTH(argument)

    async def smtp_DATA(self, argument):
        if self.behaviour.mode() == "inject":
            self.transport.abort()
            return
        if self.behaviour.mode() == "drop-data":
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(argument)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--certificates", type=pathlib.Path, required=True)
    arguments.add_argument("--spool", type=pathlib.Path, required=True)
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--password-file", type=pathlib.Path)
    arguments.add_argument("--tls", choices=["starttls", "implicit", "none"], default="starttls")
    arguments = arguments.parse_args()
    arguments.spool.mkdir(parents=True, exist_ok=True)
    # Broken sessions are what it is here for.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    password = arguments.password_file.read_bytes().strip() if arguments.password_file else b"correct horse"
    behaviour = Behaviour(arguments.spool, password)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(arguments.certificates / "server.pem", arguments.certificates / "server.key")

    def authenticate(server, session, envelope, mechanism, data):
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER, behaviour.password)
        mode = behaviour.mode()
        message = f"535 5.7.8 not with {behaviour.told()}" if mode == "tell-auth" else None
        if known:
            (arguments.spool / "logged-in").touch()
        return AuthResult(success=known and mode not in ("no-auth", "tell-auth"), handled=False, message=message)

    def connection():
        starttls = arguments.tls == "starttls"
        return Server(
            behaviour,
            hostname="localhost",
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=starttls,
            require_starttls=starttls,
            tls_context=context if starttls else None,
            timeout=300,
        )

    async def serve():
        implicit = context if arguments.tls == "implicit" else None
        loop = asyncio.get_running_loop()
        server = await loop.create_server(connection, "127.0.0.1", arguments.port, ssl=implicit)
        print(f"listening {server.sockets[0].getsockname()[1]}", flush=True)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await stop.wait()

    asyncio.run(serve())


main()
