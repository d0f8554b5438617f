//! A scripted server of HTTP on the loopback that repeats all that it was ever sent, in many spellings: it is no IdP, no
//! GitHub and no AWS, but speaks the shapes that these have documented as far as a token is got from them.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::Duration,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};

/// So much of what came last is repeated: each request may bring a signature of its own.
const REPEATED: usize = 8;

/// What is answered to each path that begins so; `{count}` in it is a number that grows.
pub type Answers = Vec<(String, String)>;

/// It takes requests as long as the test runs.
pub struct HostilePeer {
    pub port: u16,
    /// What it repeats.
    heard: Arc<Mutex<Vec<String>>>,
    /// What it was ever sent.
    ever: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<(String, String)>>>,
}

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl HostilePeer {
    /// `answers` are given to paths that begin as they say; all else is answered with `canary`, which is no secret, and with what was
    /// sent here so far.
    ///
    /// # Panics
    /// If there is no port.
    pub fn start(canary: &str, answers: Answers) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of the loopback");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let heard = Arc::new(Mutex::new(vec![canary.to_owned()]));
        let bodies = Arc::<Mutex<Vec<_>>>::default();
        let ever = Arc::<Mutex<Vec<_>>>::default();
        let (all, answers, kept, always) =
            (Arc::clone(&heard), Arc::new(answers), Arc::clone(&bodies), Arc::clone(&ever));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (heard, answers, bodies) = (Arc::clone(&all), Arc::clone(&answers), Arc::clone(&kept));
                let ever = Arc::clone(&always);
                thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    let mut heard = heard.lock().expect("no thread panics with it");
                    for told in told(&request) {
                        ever.lock().expect("no thread panics with it").push(told.clone());
                        if !heard.contains(&told) {
                            heard.push(told);
                        }
                    }
                    let known = [&heard[..1], &heard[1.max(heard.len().saturating_sub(REPEATED))..]].concat();
                    drop(heard);
                    let body = (request.path.clone(), request.body.clone());
                    bodies.lock().expect("no thread panics with it").push(body);
                    // Who asks may not wait for the end.
                    let _ = answer(stream, &request, &answers, &known);
                });
            }
        });
        Self { port, heard, ever, bodies }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The path and body of each request.
    ///
    /// # Panics
    /// If a thread of it has.
    pub fn bodies(&self) -> Vec<(String, String)> {
        self.bodies.lock().expect("no thread panics with it").clone()
    }

    /// It begins anew, as who asks does.
    ///
    /// # Panics
    /// If a thread of it has.
    pub fn forget(&self) {
        self.heard.lock().expect("no thread panics with it").truncate(1);
    }

    /// Whether it was sent this, in a header, in a path, in a body, or in the base64 of one.
    ///
    /// # Panics
    /// If a thread of it has.
    pub fn heard(&self, text: &str) -> bool {
        self.ever.lock().expect("no thread panics with it").iter().any(|told| told.contains(text))
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// What is worth repeating: values of headers as they came and without their scheme, what is in their base64, and values of forms.
fn told(request: &Request) -> Vec<String> {
    const OF_EVERYBODY: [&str; 9] = [
        "host",
        "accept",
        "accept-encoding",
        "user-agent",
        "content-type",
        "content-length",
        "x-amz-date",
        "x-github-api-version",
        "x-amz-content-sha256",
    ];
    let mut told = Vec::new();
    for (name, value) in &request.headers {
        if OF_EVERYBODY.contains(&name.as_str()) {
            continue;
        }
        told.push(value.clone());
        if let Some((scheme, rest)) = value.split_once(' ') {
            told.push(rest.to_owned());
            let pair = STANDARD.decode(rest).ok().and_then(|pair| String::from_utf8(pair).ok());
            if let (true, Some((_, password))) =
                (scheme == "Basic", pair.as_ref().and_then(|pair| pair.split_once(':')))
            {
                told.push(if request.path.contains("/token") { decoded(password) } else { password.to_owned() });
                told.push(password.to_owned());
            }
        }
    }
    for pair in request.body.split('&').filter(|_| request.body.starts_with("grant_type=")) {
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        told.push(decoded(value));
    }
    if let Some(key) = request.body.split("\"routing_key\":\"").nth(1).and_then(|rest| rest.split('"').next()) {
        told.push(key.to_owned());
    }
    if request.method == "POST" || request.path.len() > 20 {
        told.push(request.path.clone());
    }
    told.retain(|text| text.len() >= 12);
    told
}

/// A value of a form.
fn decoded(text: &str) -> String {
    let bytes = text.replace('+', " ");
    let (mut plain, mut rest) = (Vec::new(), bytes.as_bytes());
    while let [first, more @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| more.get(..2))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        plain.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &more[2..] } else { more };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn answer(mut stream: TcpStream, request: &Request, answers: &Answers, known: &[String]) -> std::io::Result<()> {
    if let Some(done) = misbehave(&mut stream, request) {
        return done;
    }
    if let Some((_, body)) = answers.iter().find(|(path, _)| request.path.starts_with(path.as_str())) {
        let body = body.replace("{count}", &known.iter().map(String::len).sum::<usize>().to_string());
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        return stream.write_all((head + &body).as_bytes());
    }
    let body: String = known.iter().flat_map(|text| spellings(text)).map(|spelling| spelling + "\n").collect();
    // A header takes no line ends, and its name only some letters.
    let values: String =
        known.iter().enumerate().map(|(number, text)| format!("x-echo-{number}: {text}\r\n")).collect();
    let is_name =
        |text: &&String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    let names: String = known.iter().filter(is_name).map(|text| format!("{text}: in a name\r\n")).collect();
    let last = known.last().map(|text| percent(text, true)).unwrap_or_default();
    let status = match request.path.split(['?', '/']).nth(1) {
        Some("500") => "500 Internal Server Error",
        Some("401") => "401 Unauthorized",
        Some("302") => "302 Found",
        Some("400") => "400 Bad Request",
        _ => "200 OK",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nlocation: http://127.0.0.1/?token={last}\r\nset-cookie: key={last}; Secure\r\n{values}{names}\
         connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    // Cut in the middle of what was sent last.
    let cut = known.last().and_then(|text| Some(body.find(text.as_str())? + text.len() / 2)).unwrap_or(body.len() / 2);
    for piece in [&body.as_bytes()[..cut], &body.as_bytes()[cut..]] {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
        stream.write_all(piece)?;
        stream.write_all(b"\r\n")?;
        stream.flush()?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// Answers that are meant to harm who asked, each at a path of its own. Those that never end do when who asked has gone.
fn misbehave(stream: &mut TcpStream, request: &Request) -> Option<std::io::Result<()>> {
    const HEADERS: usize = 40_000;
    const BOMB_BYTES: u64 = 64 << 20;
    let whole = |stream: &mut TcpStream, head: &str, body: &[u8]| {
        stream.write_all(format!("HTTP/1.1 {head}content-length: {}\r\n\r\n", body.len()).as_bytes())?;
        stream.write_all(body)
    };
    let for_ever = |stream: &mut TcpStream, head: &str, piece: &[u8], pause: Duration| {
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes())?;
        loop {
            stream.write_all(piece)?;
            thread::sleep(pause);
        }
    };
    Some(match request.path.split('/').nth(1)? {
        "slow" => for_ever(stream, "content-length: 1000000\r\n\r\n", b".", Duration::from_millis(50)),
        "slow-head" => for_ever(stream, "x-a: ", b".", Duration::from_millis(50)),
        "endless" => for_ever(stream, "\r\n", &[b'.'; 1 << 16], Duration::ZERO),
        "endless-head" => for_ever(stream, "x-a: ", &[b'.'; 1 << 16], Duration::ZERO),
        "headers" => whole(stream, &format!("200 OK\r\n{}", "x-a: 1\r\n".repeat(HEADERS)), b""),
        "gzip" => whole(stream, "200 OK\r\ncontent-encoding: gzip\r\n", zeroes_compressed(BOMB_BYTES)),
        "metadata" => whole(stream, "302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/\r\n", b""),
        "line" => whole(stream, "200 OK\r\n", format!("{} {}", request.method, request.path).as_bytes()),
        "reflect" => {
            let login = request.headers.iter().find(|(name, _)| name == "authorization");
            let login = login.map_or("nothing", |(_, value)| value.as_str());
            whole(stream, "200 OK\r\n", format!("you said {login}").as_bytes())
        }
        _ => return None,
    })
}

/// A gzip of so many zeroes: a thousandth of it.
fn zeroes_compressed(bytes: u64) -> &'static [u8] {
    static COMPRESSED: OnceLock<Vec<u8>> = OnceLock::new();
    COMPRESSED.get_or_init(|| {
        let mut compressed = Vec::new();
        let mut zeroes = flate2::read::GzEncoder::new(std::io::repeat(0).take(bytes), flate2::Compression::best());
        zeroes.read_to_end(&mut compressed).expect("memory takes what is written");
        compressed
    })
}

fn percent(text: &str, is_upper: bool) -> String {
    text.bytes().map(|byte| if is_upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }).collect()
}

/// What a server may make of what it was sent, and is promised to be recognised.
pub fn spellings(text: &str) -> Vec<String> {
    let only_special = |write: &dyn Fn(char) -> String| {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { write(c) }).collect::<String>()
    };
    let json = serde_json::to_string(text).unwrap_or_default();
    let mut all = vec![
        text.to_owned(),
        percent(text, true),
        percent(text, false),
        only_special(&|c| format!("%{:02X}", c as u32)),
        only_special(&|c| format!("%{:02x}", c as u32)),
        json.clone(),
        json.replace('/', "\\/"),
        text.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
        text.bytes().map(|byte| format!("\\u{byte:04X}")).collect(),
        only_special(&|c| format!("&#{};", c as u32)),
        only_special(&|c| format!("&#x{:X};", c as u32)),
        text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        text.bytes().map(|byte| format!("{byte:02X}")).collect(),
    ];
    for before in ["", "a", "ab"] {
        for after in ["", "y", "yz"] {
            let whole = format!("{before}{text}{after}");
            all.extend([STANDARD.encode(&whole), STANDARD_NO_PAD.encode(&whole)]);
            all.extend([URL_SAFE.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)]);
        }
    }
    all
}
