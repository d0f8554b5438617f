// Judges the age of every key of every user of an API.

import { Call, Description, Failure, Json, Run, days, instant, quoted, words } from "./kit/evidenced";
import { SCHEMA } from "./build/schema";

export function describe(): Description {
  return new Description("users", "0.1.0", "Every key of every user is young", SCHEMA).needsHost("/url");
}

export function check(run: Run): void {
  const url = run.config.get("url").text;
  const max = run.config.get("max_age_days").number;
  const users = listUsers(run, url);
  const calls: Call[] = [];
  for (let i = 0; i < users.length; i++) calls.push(new Call(`${url}/users/${users[i]}/keys`));
  const answers = run.sendAll(calls);

  run.scope = "every key of every user, to the last page";
  for (let i = 0; i < users.length; i++) {
    const keys = answers[i].json.get("keys");
    if (!answers[i].ok) run.subject(users[i]).error("keys: " + answers[i].error);
    else if (!keys.isArray) run.subject(users[i]).error("keys: the answer is not the JSON that was expected");
    for (let at = 0; at < keys.items.length; at++) lookAtKey(run, users[i], keys.items[at], max);
  }
}

/** The ids of all users, to the last page. */
function listUsers(run: Run, url: string): string[] {
  const users: string[] = [];
  let next: f64 = 1;
  do {
    const call = new Call(`${url}/users?page=${words(next)}`);
    call.reduce = idsAndNext;
    const answer = run.send(call);
    if (!answer.ok) run.failBy(answer, "users");
    const page = answer.json, listed = page.get("users");
    next = page.get("next").numberOr(0);
    if (page.exists && next < 1 && !page.get("next").isNull)
      run.fail(Failure.BAD_INPUT, "users: the answer does not say whether it is the last page", call.url);
    if (!listed.isArray) run.fail(Failure.BAD_INPUT, "users: the answer is not the JSON that was expected", call.url);
    for (let i = 0; i < listed.items.length; i++) users.push(listed.items[i].get("id").text);
  } while (next >= 1);
  return users;
}

/** Of a page only the ids and the next number are kept for later rounds. What is no such page stays as it is. */
function idsAndNext(body: string): string {
  const page = Json.parse(body), users = page.get("users").items, next = page.get("next");
  if (!page.get("users").isArray || !next.exists) return body;
  const ids: string[] = [];
  for (let i = 0; i < users.length; i++) ids.push(`{"id":${quoted(users[i].get("id").text)}}`);
  return `{"users":[${ids.join(",")}],"next":${next.dump()}}`;
}

function lookAtKey(run: Run, user: string, key: Json, max: f64): void {
  const finding = run.subject(user + "/" + key.get("id").text);
  const age = days(instant(key.get("created").text), run.now);
  const good = finding.atMost("age", age, "d", max);
  finding.passIf(good, `created ${words(age)} days ago, at most ${words(max)} are allowed`);
}
